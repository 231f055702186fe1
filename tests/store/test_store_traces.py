"""Traces at rest: what is written of a turn, and what is read back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs
import pytest
import trio
from store_helpers import NOON, NOON_STAMP, newest_traces, opened, read_all_bytes
from trace_helpers import end_trace, make_trace, replay_production_turn

from eyeclaw_trio.core.trace import KEPT_CHUNKS, Happening, Outcome, Trace
from eyeclaw_trio.core.trace_analysis import TraceRecord, analyse
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.store.database import transaction
from eyeclaw_trio.store.store import Store, open_store
from eyeclaw_trio.store.traces import LONGEST_SAID, as_begun, find_trace_id, get_trace, write_trace


def write(db: sqlite3.Connection, *traces: Trace) -> None:
    with transaction(db):
        for trace in traces:
            write_trace(db, trace, NOON, 0.0)


async def read(store: Store, trace_id: str) -> TraceRecord:
    return await store.run(lambda db: get_trace(db, trace_id))


@pytest.mark.parametrize(
    ("withheld", "position"),
    [
        ((57, 58, 59), "tail"),
        ((0, 1, 2), "head"),
        ((29, 30, 31), "middle"),
        ((0, 59), "mixed"),
        ((), None),
    ],
)
def test_the_production_turn_is_read_back_as_it_was_analysed(
    tmp_path: Path, withheld: tuple[int, ...], position: str | None
) -> None:
    trace = replay_production_turn(withheld)
    with opened(tmp_path) as db:
        write(db, trace)
        record = get_trace(db, "trace_production")
    assert record == analyse(trace, NOON)
    assert record.missing_sequences == withheld
    assert record.loss_position == position
    assert record.status == ("anomaly" if withheld else "completed")
    assert record.sdk_chunk_count == 60 - len(withheld)
    assert record.sdk_total_chunks == 60
    if 0 not in withheld:
        assert record.first_chunk_delay == pytest.approx(500)
    kinds = [event["type"] for event in record.events]
    assert kinds.count("sdk_chunk_received") == 60 - len(withheld)
    assert kinds[:2] == ["request_received", "command_broadcast"]
    assert kinds[-1] == "finished"


def test_a_trace_is_a_list_of_columns_and_one_small_blob(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        write(db, replay_production_turn())
        row = db.execute("SELECT count(*), max(length(events)) FROM stream_traces").fetchone()
    assert row[0] == 1
    assert row[1] < 2_000  # of 60 chunks


def test_texts_are_at_rest_only_when_that_is_wanted(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        write(db, replay_production_turn())
        record = get_trace(db, "trace_production")
        assert (record.sdk_content, record.sse_content) == (None, None)
    assert "步行约十分钟".encode() not in read_all_bytes(tmp_path)
    with opened(tmp_path) as db:
        write(db, replay_production_turn({0, 1}, keeps_content=True))
        record = get_trace(db, "trace_production")
    assert record.sse_content is not None
    assert record.sdk_content is not None
    assert record.sse_content.startswith("你好")
    assert not record.sdk_content.startswith("你好")
    assert len(record.sse_content) == 182


def test_a_turn_is_active_until_its_end_is_written_in_the_same_row(tmp_path: Path) -> None:
    trace = make_trace()
    with opened(tmp_path) as db:
        write(db, as_begun(trace))
        begun = get_trace(db, "trace_1")
        assert (begun.status, begun.outcome) == ("active", None)
        assert [event["type"] for event in begun.events] == ["request_received"]
        write(db, end_trace(trace))
        assert get_trace(db, "trace_1").outcome == "answered"
        write(db, end_trace(make_trace("trace_2")))
        # Retention counts by numbers: an update must not use one up.
        assert db.execute("SELECT number FROM stream_traces").fetchall() == [(1,), (2,)]


def test_a_begun_trace_is_a_copy_that_the_turn_does_not_change(tmp_path: Path) -> None:
    trace = make_trace()
    begun = as_begun(trace)
    trace.note(Happening.STREAM_END, 101.0)
    trace.note_chunk(101.0, 0, "x")
    assert len(begun.events) == 1
    assert begun.first_chunk_at is None


def test_a_beginning_of_the_id_finds_a_trace_when_it_is_the_only_one(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        for name in ("trace_ab1", "trace_ab2", "trace_c", "trace_cd"):
            write(db, make_trace(name))
        assert find_trace_id(db, "trace_ab2") == "trace_ab2"
        assert find_trace_id(db, "trace_cd") == "trace_cd"
        assert find_trace_id(db, "trace_c") == "trace_c"  # the whole of one, the beginning of two
        with pytest.raises(StoreError, match="several"):
            find_trace_id(db, "trace_a")
        for absent in ("trace_x", "trace_%", "\udc80", "trace_ab\U0010ffff"):
            with pytest.raises(NoSuchRecord):
                find_trace_id(db, absent)
        for absent in ("trace_ab", "\udc80"):
            with pytest.raises(NoSuchRecord):
                get_trace(db, absent)


def test_what_peers_say_is_bounded_and_can_always_be_stored(tmp_path: Path) -> None:
    trace = make_trace(message_id="\ud800", user_id="u\x00")
    trace.note(Happening.STREAM_ERROR, 101.0, reason="r" * 100_000 + "\ud800")
    trace.note(Happening.ANOMALY_DETECTED, 101.0, anomaly="\ud800\n")
    trace.missing = ((0, 2**53),)
    trace.total_chunks = 2**53
    trace.end(Outcome.BOT_ERROR, reason="unknown", said="s" * 100_000)
    with opened(tmp_path) as db:
        write(db, trace)
        record = get_trace(db, "trace_1")
    assert (record.message_id, record.user_id) == ("?", "u\x00")
    assert len(record.said) == LONGEST_SAID
    assert record.events[1]["data"] == {"reason": "r" * 1_000, "reason_length": 100_001}
    assert record.events[2]["data"] == {"anomaly": "?\n"}
    assert record.missing_count == 2**53 + 1


def test_the_longest_answer_is_read_back_whole(tmp_path: Path) -> None:
    trace = make_trace()
    for n in range(KEPT_CHUNKS + 5):
        now = 101 + n / 1000
        trace.note_chunk(now, None if n == 7 else n, "x")
        trace.note_written(now, now, ["x"])
    with opened(tmp_path) as db:
        write(db, end_trace(trace, 20.0))
        record = get_trace(db, "trace_1")
        assert record == analyse(trace, NOON)
        assert len(record.events) == 2 * KEPT_CHUNKS + 2
        # Or some at a time.
        some = get_trace(db, "trace_1", first_event=19_990, events=10)
        assert some == attrs.evolve(record, events=record.events[19_990:20_000])
        assert get_trace(db, "trace_1", first_event=20_000, events=10).events == record.events[-2:]
        assert get_trace(db, "trace_1", events=0).events == ()


def test_damaged_events_are_said_and_the_list_still_works(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        write(db, end_trace(make_trace()))
        db.execute("UPDATE stream_traces SET events = x'00'")
        with pytest.raises(StoreError, match="damaged"):
            get_trace(db, "trace_1")
        assert len(newest_traces(db)) == 1


# --- by way of the running gateway's store --------------------------------------------------------


async def test_a_turn_is_written_when_it_begins_and_again_when_it_ends(tmp_path: Path) -> None:
    async with open_store(tmp_path, now=lambda: NOON) as store:
        trace = make_trace(started_at=trio.current_time())
        store.trace_began(trace)
        assert (await read(store, "trace_1")).status == "active"
        trace.end(Outcome.OFFLINE)
        store.trace_ended(trace)
        record = await read(store, "trace_1")
    assert (record.status, record.outcome) == ("completed", "offline")
    assert record.created_at <= NOON_STAMP


async def test_turns_are_listed_in_the_order_they_began_also_where_one_outlives_another(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        first, second = (make_trace(f"trace_{n}", trio.current_time()) for n in (1, 2))
        store.trace_began(first)
        store.trace_began(second)
        store.trace_ended(end_trace(second))
        store.trace_ended(end_trace(first))
        found = await store.run(newest_traces)
    assert [each.trace_id for each in found] == ["trace_2", "trace_1"]


async def test_a_turn_that_was_refused_before_it_began_leaves_a_row_too(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        trace = make_trace(started_at=trio.current_time())
        trace.end(Outcome.REJECTED)
        store.trace_ended(trace)
        assert (await read(store, "trace_1")).outcome == "rejected"


async def test_turns_of_a_gateway_that_died_are_interrupted_at_the_next_start(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        write(db, end_trace(make_trace("trace_ended")), as_begun(make_trace("trace_running")))
    async with open_store(tmp_path) as store:
        assert (await read(store, "trace_ended")).outcome == "answered"
        record = await read(store, "trace_running")
        assert (record.status, record.outcome) == ("anomaly", "interrupted")
        assert (record.reason, record.anomalies) == ("gateway_died", ("interrupted",))
        anomalies = [each.trace_id for each in await store.run(newest_traces) if each.anomaly]
        assert anomalies == ["trace_running"]


async def test_a_turn_whose_end_was_lost_does_not_stay_active_for_ever(tmp_path: Path) -> None:
    async with open_store(tmp_path, tidy_every=0.05) as store:
        lost, running = (make_trace(f"trace_{n}", trio.current_time()) for n in (1, 2))
        store.trace_began(lost)
        store.trace_began(running)
        del store._running_turns["trace_1"]  # as when its end was refused by a full queue
        with trio.fail_after(5):
            while (await read(store, "trace_1")).outcome is None:
                await trio.sleep(0.02)
        assert (await read(store, "trace_1")).reason == "end_not_kept"
        assert (await read(store, "trace_2")).status == "active"
        # Where it was late only, what it says counts.
        store.trace_ended(end_trace(lost))
        assert (await read(store, "trace_1")).outcome == "answered"


async def test_the_record_has_the_fields_of_the_contract(tmp_path: Path) -> None:
    names = {each.name for each in attrs.fields(TraceRecord)}
    with opened(tmp_path) as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info (stream_traces)")}
    assert columns - names == {"number", "kept_since"}
    assert names <= columns


def test_traces_of_a_bot_outlive_it_and_foreign_keys_hold(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        write(db, end_trace(make_trace()))  # of bot 1, which never was
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    with closing(sqlite3.connect(tmp_path / "eyeclaw.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
