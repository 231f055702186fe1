"""Times as text, against the standard library's own words for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.protocol.timestamps import format_timestamp, to_stamp

_MILLISECONDS = st.integers(0, 4_000_000_000_000)


@given(_MILLISECONDS, st.integers(0, 999_999))
def test_a_message_says_its_time_in_utc_cut_to_milliseconds(ms: int, rest: int) -> None:
    said = format_timestamp(ms * 1_000_000 + rest)
    assert said.endswith("+00:00")
    assert datetime.fromisoformat(said) == datetime.fromtimestamp(0, UTC) + timedelta(
        milliseconds=ms
    )
    assert len(said) == len("2026-01-31T12:00:00.000+00:00")


@pytest.mark.parametrize("hours", [-8, 0, 5.5])
def test_a_record_says_the_same_moment_in_utc_wherever_it_was_read(hours: float) -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 7_900, UTC).astimezone(
        timezone(timedelta(hours=hours))
    )
    assert to_stamp(moment) == "2026-01-31T12:00:00.007Z"
