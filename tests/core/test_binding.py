"""What stands in the code that binds a wearer, and how long it counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.binding import (
    LIFETIME,
    SECRET_BYTES,
    is_in_time,
    read_code,
    read_codes,
    write_code,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_code_is_known_again_however_it_is_spelled(secret: bytes) -> None:
    text = write_code(secret)
    known = read_code(text)
    assert known is not None
    assert read_code(f" {text.lower()}\n") == known
    assert len(known) == 32
    assert secret not in known


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_two_secrets_are_two_codes(one: bytes, other: bytes) -> None:
    assert (read_code(write_code(one)) == read_code(write_code(other))) is (one == other)


@pytest.mark.parametrize(
    "text",
    ["", "https://example.org", "EYECLAW:", "EYECLAW:" + "A" * 25, "EYECLAW:" + "A" * 27,
     "EYECLAW:" + "1" * 26, "EYECLAW:" + "Ａ" * 26, "x" * 5000],
)  # fmt: skip
def test_what_is_none_of_ours_is_not_read(text: str) -> None:
    assert read_code(text) is None
    assert read_codes([text, write_code(b"x" * 16), text]) == [read_code(write_code(b"x" * 16))]


def test_the_code_is_small_enough_to_be_read_from_afar() -> None:
    assert segno.make(write_code(b"\xff" * 16), error="m", micro=False).version == 2


def test_a_code_counts_for_five_minutes_and_not_when_the_clock_went_back() -> None:
    assert timedelta(minutes=5) == LIFETIME
    assert is_in_time(NOW, NOW)
    assert is_in_time(NOW, NOW + LIFETIME - timedelta(milliseconds=1))
    assert not is_in_time(NOW, NOW + LIFETIME)
    assert not is_in_time(NOW, NOW - timedelta(milliseconds=1))
