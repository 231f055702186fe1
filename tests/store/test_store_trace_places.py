"""Single traces and their places in a list: by name, by moment, side by side, and as dots."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_helpers import NOON, count_traces
from test_store_trace_list import in_memory, write
from trace_helpers import end_trace, make_trace, replay_production_turn

from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.store import trace_places
from eyeclaw_trio.store.trace_list import TraceFilter, list_traces
from eyeclaw_trio.store.trace_places import (
    Neighbours,
    delete_trace,
    find_moment,
    find_named,
    find_neighbours,
    list_dots,
)
from eyeclaw_trio.store.traces import as_begun, get_trace, get_turn

EVERYTHING = TraceFilter()


def test_a_dot_is_a_turn_with_a_first_chunk() -> None:
    with in_memory() as db:
        write(db, end_trace(make_trace("trace_silent")))
        write(db, replay_production_turn({2, 3}))
        [dot] = list_dots(db, EVERYTHING)
        assert (dot.trace_id, dot.delay, dot.missing_count) == ("trace_production", 500.0, 2)
        assert list_dots(db, TraceFilter(source="chat")) == ()
        assert list_dots(db, EVERYTHING, limit=0) == ()
        assert list_dots(db, EVERYTHING, after="2") == ()
        with pytest.raises(NoSuchRecord):
            list_dots(db, EVERYTHING, after="x")


@given(st.lists(st.integers(0, 20), max_size=8), st.integers(-1, 22))
def test_a_moment_is_where_the_newest_before_it_stands(times: list[int], asked: int) -> None:
    times.sort()
    with in_memory() as db:
        for number, second in enumerate(times):
            write(db, make_trace(f"trace_{number}"), at=NOON + timedelta(seconds=second))
        cursor = find_moment(db, EVERYTHING, NOON + timedelta(seconds=asked))
        if not times:
            assert cursor is None
            return
        first = list_traces(db, after=cursor).traces[0].trace_id
        before = [number for number, second in enumerate(times) if second < asked]
        assert first == f"trace_{before[-1] if before else 0}"


def test_a_moment_is_looked_for_among_what_the_filter_finds() -> None:
    with in_memory() as db:
        for number in range(4):
            trace = make_trace(f"trace_{number}")
            trace.source = "chat" if number % 2 else "rokid"
            write(db, trace, at=NOON + timedelta(seconds=number))
        wanted = TraceFilter(source="rokid")
        cursor = find_moment(db, wanted, NOON + timedelta(seconds=2))
        assert list_traces(db, wanted, after=cursor).traces[0].trace_id == "trace_0"
        assert find_moment(db, TraceFilter(source="push"), NOON) is None


def test_neighbours_are_the_nearest_in_the_filtered_list() -> None:
    with in_memory() as db:
        for number in range(5):
            trace = make_trace(f"trace_{number}")
            trace.source = "chat" if number % 2 else "rokid"
            write(db, trace)
        assert find_neighbours(db, EVERYTHING, "trace_2") == Neighbours("trace_3", "trace_1")
        rokid = TraceFilter(source="rokid")
        assert find_neighbours(db, rokid, "trace_2") == Neighbours("trace_4", "trace_0")
        assert find_neighbours(db, rokid, "trace_4") == Neighbours(None, "trace_2")
        # One that is not in the list has its neighbours there all the same.
        assert find_neighbours(db, rokid, "trace_1") == Neighbours("trace_2", "trace_0")
        with pytest.raises(NoSuchRecord):
            find_neighbours(db, EVERYTHING, "trace_\ud800")


def test_a_turn_is_found_by_its_whole_id_or_its_short_code() -> None:
    with in_memory() as db:
        write(db, make_trace("trace_1"), make_trace("trace_2"), make_trace("trace_3"))
        db.execute("UPDATE stream_traces SET code = 'K7M2QX' WHERE trace_id <> 'trace_3'")
        assert find_named(db, " k7m2Qx ") == "trace_2"  # the newest
        assert find_named(db, "trace_1") == "trace_1"
        for text in ("", "trace_", "TRACE_1", "K7M2Q", "%", "\udc80", "x" * 100_000):
            assert find_named(db, text) is None


def test_the_id_of_a_message_or_a_session_finds_the_one_turn_that_has_it() -> None:
    with in_memory() as db:
        write(db, make_trace("trace_1", message_id="m1"), make_trace("trace_2", message_id="m2"))
        write(db, make_trace("trace_3", message_id="m2"))
        assert find_named(db, "m1") == "trace_1"
        assert find_named(db, "m2") is None  # which of them is for the list to show
        db.execute("UPDATE stream_traces SET session_id = 's1' WHERE trace_id = 'trace_1'")
        assert find_named(db, "s1") == "trace_1"
        db.execute("UPDATE stream_traces SET code = 'm2' WHERE trace_id = 'trace_1'")
        assert find_named(db, "M2") == "trace_1"


def test_a_text_does_not_keep_a_moment_from_being_found_and_bounds_how_far_neighbours_are() -> None:
    with in_memory() as db:
        for number in range(4):
            trace = make_trace(f"trace_{number}", user_id="anna" if number == 0 else "bert")
            write(db, trace, at=NOON + timedelta(seconds=number))
        cursor = find_moment(db, TraceFilter(text="nobody"), NOON + timedelta(seconds=2))
        assert cursor == find_moment(db, EVERYTHING, NOON + timedelta(seconds=2))
        anna = TraceFilter(text="anna")
        assert find_neighbours(db, anna, "trace_3") == Neighbours(None, "trace_0")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trace_places, "SEARCHED", 2)
            assert find_neighbours(db, anna, "trace_3") == Neighbours(None, None)
            assert find_neighbours(db, anna, "trace_2") == Neighbours(None, "trace_0")


def test_a_trace_is_deleted_once_its_turn_is_over() -> None:
    with in_memory() as db:
        write(db, end_trace(make_trace("trace_1")), as_begun(make_trace("trace_2")))
        delete_trace(db, "trace_1")
        with pytest.raises(NoSuchRecord):
            delete_trace(db, "trace_1")
        with pytest.raises(StoreError, match="still runs"):
            delete_trace(db, "trace_2")
        assert count_traces(db) == 1


def test_the_times_of_a_turn_are_read_without_making_its_events() -> None:
    with in_memory() as db:
        written = replay_production_turn({7})
        write(db, written)
        record, trace = get_turn(db, "trace_production")
        assert record.events == ()
        assert trace.chunk_sequences == written.chunk_sequences
        assert trace.chunk_times == written.chunk_times
        assert trace.write_times == written.write_times
        assert trace.events == written.events
        assert get_trace(db, "trace_production").missing_sequences == record.missing_sequences
        with pytest.raises(NoSuchRecord):
            get_turn(db, "trace_none")
