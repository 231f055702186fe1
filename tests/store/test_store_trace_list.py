"""Lists of traces: every filter, page by page, and counts that have an end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_helpers import NOON, opened
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.errors import NoSuchRecord
from eyeclaw_trio.store import trace_list
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.schema import STEPS, run_steps
from eyeclaw_trio.store.trace_counts import FACETS, count_traces
from eyeclaw_trio.store.trace_list import (
    ANYWHERE,
    FAILED,
    RUNNING,
    TraceFilter,
    list_traces,
    walk_traces,
)
from eyeclaw_trio.store.trace_places import find_moment, list_dots
from eyeclaw_trio.store.traces import as_begun, write_trace

LOST, HEALED = list(Anomaly)[:2]
EVERYTHING = TraceFilter()


@contextmanager
def in_memory() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        run_steps(db, STEPS)
        yield db


def write(db: sqlite3.Connection, *traces: Trace, at: datetime = NOON) -> None:
    with transaction(db):
        for trace in traces:
            write_trace(db, trace, at, 0.0)


def some_traces() -> tuple[Trace, ...]:
    """One of each kind, oldest first."""
    lost = make_trace("trace_lost", user_id="anna", message_id="m_50%")
    lost.bot_id, lost.source = 2, "chat"
    lost.missing, lost.total_chunks = ((9, 9),), 10
    lost.anomalies = (LOST, HEALED)
    lost.end(Outcome.ANSWERED)
    slow = make_trace("trace_slow", user_id="Bert", agent_id="agent-7")
    slow.first_chunk_at = slow.started_at + 3.0
    slow.end(Outcome.SLOW_READER)
    offline = make_trace("trace_offline")
    offline.end(Outcome.OFFLINE, reason="link_lost")
    return lost, slow, offline, as_begun(make_trace("trace_running"))


def ids(traces: Sequence[TraceRecord]) -> list[str]:
    return [each.trace_id.removeprefix("trace_") for each in traces]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TraceFilter(), "running offline slow lost"),
        (TraceFilter(outcome="answered"), "lost"),
        (TraceFilter(outcome=RUNNING), "running"),
        (TraceFilter(outcome=FAILED), "offline slow"),
        (TraceFilter(outcome="no such"), ""),
        (TraceFilter(bot_id=2), "lost"),
        (TraceFilter(bot_id=1), "running offline slow"),
        (TraceFilter(bot_id=2**70), ""),
        (TraceFilter(source="chat"), "lost"),
        (TraceFilter(source="\ud800"), ""),
        (TraceFilter(is_anomaly=True), "slow lost"),
        (TraceFilter(anomaly=LOST.value), "lost"),
        (TraceFilter(anomaly="slow_reader"), "slow"),
        (TraceFilter(anomaly="slow"), ""),
        (TraceFilter(loss_position="tail"), "lost"),
        (TraceFilter(loss_position=ANYWHERE), "lost"),
        (TraceFilter(slower_than=2_999.9), "slow"),
        (TraceFilter(slower_than=3_000.0), ""),
        (TraceFilter(user_id="anna"), "lost"),
        (TraceFilter(user_id="bert"), ""),
        (TraceFilter(text="bert"), "slow"),
        (TraceFilter(text=" AGENT-7 "), "slow"),
        (TraceFilter(text="link_lost"), "offline"),
        (TraceFilter(text="linkxlost"), ""),
        (TraceFilter(text="50%"), "lost"),
        (TraceFilter(text="%"), "lost"),
        (TraceFilter(text="k7m2qx"), "offline"),
        (TraceFilter(text="trace_s"), "slow"),
        (TraceFilter(text="session_of"), "running offline slow lost"),
        (TraceFilter(text="x" * 100_000), ""),
        (TraceFilter(text="\udc80\\"), ""),
        (TraceFilter(is_anomaly=True, user_id="anna", source="chat", text="lost"), "lost"),
        (TraceFilter(is_anomaly=True, user_id="anna", source="rokid"), ""),
        (TraceFilter(since=NOON), "running offline slow lost"),
        (TraceFilter(since=NOON + timedelta(milliseconds=1)), ""),
        (TraceFilter(until=NOON), ""),
        (TraceFilter(until=NOON + timedelta(milliseconds=1)), "running offline slow lost"),
    ],
)
def test_a_filter_finds_what_it_says(wanted: TraceFilter, found: str) -> None:
    with in_memory() as db:
        write(db, *some_traces())
        db.execute("UPDATE stream_traces SET code = 'K7M2QX' WHERE outcome = 'offline'")
        assert ids(list_traces(db, wanted).traces) == found.split()
        # The same page by page.
        pages: list[str] = []
        cursor = None
        while True:
            page = list_traces(db, wanted, limit=1, after=cursor)
            pages += ids(page.traces)
            cursor = page.next
            if cursor is None:
                break
            assert len(page.traces) == 1
        assert pages == found.split()


def test_a_time_of_another_zone_is_the_same_time() -> None:
    with in_memory() as db:
        write(db, make_trace("trace_noon"))
        local = datetime.fromisoformat("2026-01-31T20:00:00+08:00")
        assert ids(list_traces(db, TraceFilter(since=local)).traces) == ["noon"]
        assert list_traces(db, TraceFilter(until=local)).traces == ()


def test_a_page_goes_on_where_the_last_one_ended_whatever_came_or_went_meanwhile() -> None:
    with in_memory() as db:
        for number in range(6):
            write(db, end_trace(make_trace(f"trace_{number}")))
        page = list_traces(db, limit=2)
        assert ids(page.traces) == ["5", "4"]
        write(db, make_trace("trace_new"))
        # The one that the cursor stands at too: retention asks nobody.
        db.execute("DELETE FROM stream_traces WHERE trace_id IN ('trace_4', 'trace_3')")
        page = list_traces(db, limit=2, after=page.next)
        assert ids(page.traces) == ["2", "1"]
        page = list_traces(db, limit=2, after=page.next)
        assert (ids(page.traces), page.next) == (["0"], None)


def test_the_last_page_that_is_full_has_none_behind_it() -> None:
    with in_memory() as db:
        write(db, make_trace("trace_1"), make_trace("trace_2"))
        assert list_traces(db, limit=2).next is None
        assert list_traces(db, limit=1).next is not None


def test_no_page_is_longer_than_the_longest_and_walking_goes_over_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trace_list, "LONGEST_PAGE", 2)
    with in_memory() as db:
        write(db, *(make_trace(f"trace_{number}") for number in range(5)))
        assert ids(list_traces(db, limit=100).traces) == ["4", "3"]
        for limit, found in ((100, "43210"), (5, "43210"), (3, "432"), (2, "43"), (0, "")):
            walked = list(walk_traces(db, EVERYTHING, limit))
            assert "".join(ids(walked)) == found
        assert next(walk_traces(db, EVERYTHING, 9, with_events=True)).events


@pytest.mark.parametrize("cursor", ["", "trace_1", "-1", "1.5", "٣", "9" * 19, "1 OR 1"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with in_memory() as db, pytest.raises(NoSuchRecord, match="no such place"):
        list_traces(db, after=cursor)


def test_events_are_read_only_where_they_are_wanted() -> None:
    with in_memory() as db:
        write(db, make_trace())
        assert list_traces(db).traces[0].events == ()
        [event] = list_traces(db, with_events=True).traces[0].events
        assert event["type"] == "request_received"


ALL_FILTERS = TraceFilter(
    outcome="answered",
    bot_id=1,
    source="rokid",
    anomaly="lost",
    is_anomaly=True,
    loss_position="tail",
    user_id="anna",
    slower_than=1.0,
    since=NOON,
    until=NOON,
    text="x",
)


def test_whatever_is_asked_for_is_looked_up_in_the_narrow_index_from_its_new_end() -> None:
    statements: list[str] = []
    with in_memory() as db:
        write(db, *some_traces())
        db.set_trace_callback(statements.append)
        for wanted in (TraceFilter(), ALL_FILTERS):
            list_traces(db, wanted, after="7")
            count_traces(db, wanted, FACETS, [NOON])
            list_dots(db, wanted, after="7")
            find_moment(db, wanted, NOON)
        db.set_trace_callback(None)
        # Without the looks at the end of the table, and the transactions around some of them.
        looks_at_lists = [each for each in statements if "INDEXED BY" in each]
        assert all(
            "max(number)" in each
            for each in statements
            if "SELECT" in each and each not in looks_at_lists
        )
        for statement in looks_at_lists:
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
            looks = [step for step in plan if "stream_traces" in step]
            assert "COVERING INDEX stream_traces_listed" in " ".join(looks)
            # The whole rows of a page are got by their numbers.
            assert all("COVERING" in step or "rowid=?" in step for step in looks)
    # The list, the dots, and two ways to look for a moment where the first finds nothing; one
    # pass for all that the filter leaves alone, and one for each facet, and `since`, that it names.
    assert len(looks_at_lists) == 2 * (1 + 1 + 2) + 1 + (len(FACETS) + 1)


rows = st.lists(
    st.tuples(
        st.sampled_from([None, *Outcome]),
        st.sampled_from([None, 1, 2]),
        st.sampled_from(["rokid", "chat"]),
        st.sampled_from([None, "anna", "Bert"]),
    ),
    max_size=12,
)
filters = st.builds(
    TraceFilter,
    outcome=st.sampled_from([None, RUNNING, "answered", "offline"]),
    bot_id=st.sampled_from([None, 1, 3]),
    source=st.sampled_from([None, "chat"]),
    user_id=st.sampled_from([None, "anna"]),
    is_anomaly=st.booleans(),
)


@given(rows, filters, st.integers(1, 4))
def test_pages_and_counts_agree_with_going_through_all(
    kinds: list[tuple[Outcome | None, int | None, str, str | None]],
    wanted: TraceFilter,
    limit: int,
) -> None:
    with in_memory() as db:
        for number, (outcome, bot_id, source, user_id) in enumerate(kinds):
            trace = make_trace(f"trace_{number}", user_id=user_id)
            trace.bot_id, trace.source, trace.outcome = bot_id, source, outcome
            write(db, trace)
        everything = list_traces(db, limit=100).traces

        def fits(each: TraceRecord, without: str = "") -> bool:
            pairs = [
                ("outcome", wanted.outcome, each.outcome or RUNNING),
                ("bot_id", wanted.bot_id, each.bot_id),
                ("source", wanted.source, each.source),
                ("user_id", wanted.user_id, each.user_id),
            ]
            return (each.anomaly or not wanted.is_anomaly) and all(
                name == without or want is None or want == has for name, want, has in pairs
            )

        found: list[TraceRecord] = []
        cursor: str | None = None
        while True:
            page = list_traces(db, wanted, limit=limit, after=cursor)
            found += page.traces
            cursor = page.next
            if cursor is None:
                break
        assert found == [each for each in everything if fits(each)]
        counted = count_traces(db, wanted).values["source"].counts
        assert sum(counted.values()) == sum(fits(each, "source") for each in everything)


def test_the_list_of_a_schema_before_is_the_same_after_the_step(tmp_path: Path) -> None:
    with closing(open_database(tmp_path, steps=STEPS[:4])) as db:
        write(db, *some_traces())
    with opened(tmp_path) as db:
        assert ids(list_traces(db).traces) == ["running", "offline", "slow", "lost"]
        assert ids(list_traces(db, TraceFilter(is_anomaly=True)).traces) == ["slow", "lost"]
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
