"""Which traces are shown, read from an address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.admin.trace_query import (
    NAMES,
    Clock,
    TraceQuery,
    read_moment,
    read_query,
)
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.store.trace_list import ANYWHERE, FAILED, TraceFilter

SHANGHAI = timezone(timedelta(hours=8))
NOW = datetime(2026, 1, 31, 14, 30, tzinfo=SHANGHAI)
CLOCK = Clock(NOW, SHANGHAI)
BOTS = {"home": 3}


def read(query: str, clock: Clock = CLOCK) -> TraceQuery:
    return read_query(parse_qsl(query, keep_blank_values=True), clock, BOTS.get)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", TraceFilter()),
        ("outcome=&q=+&bot=&at=&anomaly=", TraceFilter()),
        ("unknown=1&utm_source=x", TraceFilter()),
        ("outcome=failed", TraceFilter(outcome=FAILED)),
        ("outcome=answered&outcome=offline", TraceFilter(outcome="offline")),
        ("bot=7", TraceFilter(bot_id=7)),
        ("bot=home", TraceFilter(bot_id=3)),
        ("source=chat&wearer=anna", TraceFilter(source="chat", user_id="anna")),
        ("anomaly=1", TraceFilter(is_anomaly=True)),
        ("anomaly=0", TraceFilter()),
        ("anomaly=gap", TraceFilter(anomaly="gap")),
        ("loss=any", TraceFilter(loss_position=ANYWHERE)),
        ("loss=tail", TraceFilter(loss_position="tail")),
        ("slower=1.5", TraceFilter(slower_than=1_500.0)),
        ("q=%E6%A1%82%3Cscript%3E", TraceFilter(text="桂<script>")),
        ("since=2h", TraceFilter(since=NOW - timedelta(hours=2))),
        ("since=7d", TraceFilter(since=NOW - timedelta(days=7))),
        ("since=today", TraceFilter(since=datetime(2026, 1, 31, tzinfo=SHANGHAI))),
        ("since=2026-01-30", TraceFilter(since=datetime(2026, 1, 30, tzinfo=SHANGHAI))),
        ("since=14:00", TraceFilter(since=datetime(2026, 1, 31, 14, tzinfo=SHANGHAI))),
    ],
)
def test_an_address_says_which_traces(query: str, wanted: TraceFilter) -> None:
    assert read(query).wanted == wanted


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("at=25:00", "at"),
        ("at=14:60", "at"),
        ("at=14", "at"),
        ("at=noon", "at"),
        ("at=14:03:61", "at"),
        ("at=٢٠:٠٠", "at"),
        ("at=2026-13-01", "at"),
        ("at=0001-01-01", "at"),
        ("at=9999-12-31", "at"),
        ("at=0001-01-01T00:00:00Z&since=x", "since"),
        ("at=" + "1" * 10_000, "at"),
        ("since=99999999h", "since"),
        ("since=tomorrow", "since"),
        ("slower=fast", "slower"),
        ("slower=nan", "slower"),
        ("slower=-1", "slower"),
        ("slower=1e400", "slower"),
        ("bot=nobody", "bot"),
        ("bot=" + "9" * 30, "bot"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(query: str, field: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        read(query)
    assert refused.value.status == 400
    assert isinstance(refused.value.detail, dict)
    assert list(refused.value.detail) == [field]


def at(
    day: int,
    hour: int = 0,
    minute: int = 0,
    second: int = 0,
    microsecond: int = 0,
    zone: tzinfo = SHANGHAI,
) -> datetime:
    return datetime(2026, 1, day, hour, minute, second, microsecond, zone)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("14:03", at(31, 14, 3), at(31, 14, 4)),
        ("9:03", at(31, 9, 3), at(31, 9, 4)),
        ("14:03:07", at(31, 14, 3, 7), at(31, 14, 3, 8)),
        ("14:30", at(31, 14, 30), at(31, 14, 31)),  # now
        ("14:31", at(30, 14, 31), at(30, 14, 32)),  # not yet today
        ("2026-01-29", at(29), at(30)),
        ("2026-01-29T10:15", at(29, 10, 15), at(29, 10, 16)),
        ("2026-01-29 10:15", at(29, 10, 15), at(29, 10, 16)),
        ("2026-01-29T10:15Z", at(29, 10, 15, zone=UTC), at(29, 10, 16, zone=UTC)),
        ("2026-01-29T10:15:20+00:00", at(29, 10, 15, 20, zone=UTC), at(29, 10, 15, 21, zone=UTC)),
        ("2026-01-29T10:15:20 00:00", at(29, 10, 15, 20, zone=UTC), at(29, 10, 15, 21, zone=UTC)),
        (
            "2026-01-29T10:15:20.250Z",
            at(29, 10, 15, 20, 250_000, zone=UTC),
            at(29, 10, 15, 20, 251_000, zone=UTC),
        ),
    ],
)
def test_a_moment_is_as_long_as_it_was_said(text: str, start: datetime, end: datetime) -> None:
    assert read_moment("at", text, CLOCK) == (start, end)
    assert read_query([("at", text)], CLOCK, BOTS.get).until == end


def test_without_a_zone_the_machine_s_own_is_meant() -> None:
    clock = Clock(NOW, None)
    start, _ = read_moment("at", "2026-01-29T10:15", clock)
    assert start == datetime(2026, 1, 29, 10, 15).astimezone()
    assert clock.midnight == NOW.astimezone().replace(hour=0, minute=0)


def test_an_address_keeps_every_filter_and_no_place() -> None:
    query = read("outcome=failed&q=%E6%A1%82+%26&at=14:03&after=17&bot=home&x=1")
    assert query.after == "17"
    address = query.address("/traces")
    assert dict(parse_qsl(urlsplit(address).query)) == {
        "outcome": "failed",
        "q": "桂 &",
        "bot": "home",
    }
    assert read(urlsplit(address).query) == attrs.evolve(query, after=None, until=None)
    assert read("q=a").address("/traces", q=None) == "/traces"
    assert read("q=a").address("/traces", source="chat", after="9") == (
        "/traces?q=a&source=chat&after=9"
    )


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "at", "after", "x"]), st.text(max_size=20))))
def test_whatever_an_address_says_is_read_or_refused(given: list[tuple[str, str]]) -> None:
    try:
        query = read_query(given, CLOCK, BOTS.get)
    except RequestRefused:
        return
    again = read_query(query.fields.items(), CLOCK, BOTS.get)
    assert again == attrs.evolve(query, after=None, until=None)
