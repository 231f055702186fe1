"""The log of a triggered turn: whole, bounded, read by many, forgotten in time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.reply_events import KeepAlive
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.errors import AnswerTooLong, BotSilent
from eyeclaw_trio.protocol.worker import LogEntry, LoggedChunk, LoggedEnd, LoggedError
from eyeclaw_trio.relay.turn_log import (
    BATCH,
    KEPT_FOR,
    KEPT_TURNS,
    LOG_LIMIT,
    READ_WITHIN,
    ROOM,
    TriggeredTurn,
    TurnLog,
    TurnLogs,
)


def make_log(limit: int = LOG_LIMIT, room: Shares | None = None, key_id: int = 1) -> TurnLog:
    return TurnLog(Wording("zh"), (room or Shares(ROOM)).portion(key_id), limit)


def texts(entries: Sequence[LogEntry]) -> list[str]:
    return [entry.content for entry in entries if isinstance(entry, LoggedChunk)]


async def read_all(log: TurnLog, last_id: int = 0) -> list[LogEntry]:
    """A reader that takes everything behind an entry, up to the last."""
    read: list[LogEntry] = []
    while not log.has_been_told(last_id):
        await log.wait_after(last_id)
        batch = log.after(last_id)
        assert [entry.id for entry in batch] == list(range(last_id + 1, last_id + 1 + len(batch)))
        last_id += len(batch)
        read += batch
    return read


async def test_entries_are_numbered_from_one_and_the_last_is_the_end() -> None:
    log = make_log()
    await log.open()
    log.send_nowait(["湖光", KeepAlive(), "秋月"])
    assert log.last_id == 2
    assert not log.has_been_told(2)
    await log.finish()
    entries = await read_all(log)
    assert [entry.id for entry in entries] == [1, 2, 3]
    assert texts(entries) == ["湖光", "秋月"]
    assert isinstance(entries[-1], LoggedEnd)
    assert log.has_been_told(3)
    assert await read_all(log, 2) == entries[2:]
    assert log.after(3) == []
    assert log.after(99) == []


async def test_a_failure_ends_it_with_the_wearers_text() -> None:
    log = make_log()
    log.send_nowait(["半句"])
    await log.apologise(BotSilent())
    *_, last = await read_all(log)
    assert isinstance(last, LoggedError)
    assert last.text == "请求超时，Bot 可能已离线或响应缓慢，请稍后重试。"


async def test_what_was_cut_off_without_a_word_ends_with_an_apology_and_only_once() -> None:
    log = make_log()
    log.send_nowait(["半句"])
    log.close()
    log.close()
    assert [type(entry) for entry in await read_all(log)] == [LoggedChunk, LoggedError]


async def test_readers_wait_each_for_what_is_new_behind_its_own_place(
    autojump_clock: MockClock,
) -> None:
    log = make_log()
    read: dict[int, list[LogEntry]] = {}

    async def reader(after: int) -> None:
        await trio.sleep(after)
        read[after] = await read_all(log, after)

    async with trio.open_nursery() as nursery:
        for after in (0, 0, 2, 5, 7):
            nursery.start_soon(reader, after)
        for n in range(6):
            await trio.sleep(1)
            log.send_nowait([str(n)])
        await trio.sleep(1)
        await log.finish()
    assert texts(read[0]) == ["0", "1", "2", "3", "4", "5"]
    assert texts(read[2]) == ["2", "3", "4", "5"]
    assert texts(read[5]) == ["5"]
    assert read[7] == []


async def test_a_wait_that_is_cancelled_loses_nothing() -> None:
    log = make_log()
    with trio.move_on_after(0):
        await log.wait_after(0)
    log.send_nowait(["一"])
    await log.wait_after(0)
    assert texts(log.after(0)) == ["一"]


@given(st.lists(st.text(min_size=1, max_size=40_000), max_size=30))
def test_batches_are_bounded_and_together_they_are_everything(pieces: list[str]) -> None:
    log = make_log(64 * 1_048_576)

    async def fill_and_read() -> None:
        log.send_nowait(list(pieces))
        await log.finish()
        seen: list[LogEntry] = []
        while not log.has_been_told(len(seen)):
            batch = log.after(len(seen))
            size = sum(4 * len(text) for text in texts(batch[:-1]))
            assert batch
            assert size <= BATCH
            seen += batch
        assert texts(seen) == pieces

    trio.run(fill_and_read)


async def test_what_does_not_fit_is_an_error_and_never_a_hole() -> None:
    room = Shares(ROOM)
    log = make_log(10_000, room)
    with pytest.raises(AnswerTooLong):
        log.send_nowait(["x" * 4_000, "y" * 4_000, "z" * 4_000, "!"])
    await log.apologise(AnswerTooLong())
    entries = await read_all(log)
    assert texts(entries) == ["x" * 4_000, "y" * 4_000]
    assert isinstance(entries[-1], LoggedError)
    assert entries[-1].text == "回答过长，已中断。"
    assert 8_000 < room.taken < 10_000
    log.forget()
    assert room.taken == 0


async def test_a_flood_of_tiny_pieces_is_bounded_too() -> None:
    log = make_log(100_000)
    with pytest.raises(AnswerTooLong):
        log.send_nowait(["x"] * 1_000)
    assert 400 < log.last_id < 700


async def test_logs_share_one_room() -> None:
    room = Shares(40_000)
    first, second = make_log(room=room), make_log(room=room)
    first.send_nowait(["x" * 15_000])
    with pytest.raises(AnswerTooLong):
        second.send_nowait(["y" * 15_000])
    first.forget()
    second.send_nowait(["y" * 15_000])


async def test_what_one_key_has_filled_leaves_room_for_another() -> None:
    room = Shares(40_000)
    greedy, modest = make_log(room=room), make_log(room=room, key_id=2)
    with pytest.raises(AnswerTooLong):
        greedy.send_nowait(["x" * 1_000] * 100)
    modest.send_nowait(["y" * 9_000])
    assert room.of(1) > 16_000


# ---- the logs of a gateway ----------------------------------------------------------------------


@asynccontextmanager
async def swept_logs(room: Shares | None = None) -> AsyncIterator[TurnLogs]:
    logs = TurnLogs(room)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(logs.sweep)
        yield logs
        nursery.cancel_scope.cancel()


def make_turn(logs: TurnLogs, session_id: str = "turn", key_id: int = 1) -> TriggeredTurn:
    return TriggeredTurn(session_id, key_id, 1, logs.make_log(Wording("zh"), key_id))


async def test_a_turn_is_found_with_its_own_key_and_bot_only() -> None:
    logs = TurnLogs()
    turn = make_turn(logs)
    assert logs.find("turn", key_id=1, bot_id=1) is None
    with logs.running(turn):
        assert logs.find("turn", key_id=1, bot_id=1) is turn
        assert logs.find("turn", key_id=2, bot_id=1) is None
        assert logs.find("turn", key_id=1, bot_id=2) is None
        assert logs.find("other", key_id=1, bot_id=1) is None
    assert logs.find("turn", key_id=1, bot_id=1) is turn


async def test_each_turn_is_forgotten_sixty_seconds_after_its_own_end(
    autojump_clock: MockClock,
) -> None:
    room = Shares(ROOM)
    began = trio.current_time()
    async with swept_logs(room) as logs:

        async def run(name: str, seconds: float) -> None:
            turn = make_turn(logs, name)
            with logs.running(turn):
                turn.log.send_nowait(["x" * 1000])
                await trio.sleep(seconds)
                await turn.log.finish()

        async with trio.open_nursery() as nursery:
            for name, seconds in (("short", 1.0), ("long", 100.0), ("middle", 30.0)):
                nursery.start_soon(run, name, seconds)
            for now, there in (
                (60.9, {"short", "middle", "long"}),
                (61.1, {"middle", "long"}),
                (89.9, {"middle", "long"}),
                (90.1, {"long"}),
                (159.9, {"long"}),
                (160.1, set()),
            ):
                await trio.sleep_until(began + now)
                found = {
                    name
                    for name in ("short", "middle", "long")
                    if logs.find(name, key_id=1, bot_id=1)
                }
                assert found == there
                assert len(logs) == len(there)
        assert KEPT_FOR == 60.0
        assert room.taken == 0


async def test_a_reader_of_a_forgotten_log_gets_nothing_more(autojump_clock: MockClock) -> None:
    async with swept_logs() as logs:
        turn = make_turn(logs)
        with logs.running(turn):
            turn.log.send_nowait(["一", "二"])
        assert len(turn.log.after(0)) == 3
        await trio.sleep(KEPT_FOR + 0.1)
        assert turn.log.is_forgotten
        assert turn.log.after(1) == []
        await turn.log.wait_after(1)  # and is not kept waiting


async def test_turns_are_taken_while_there_is_room_for_a_whole_one() -> None:
    logs = TurnLogs(kept=Shares(4))
    room: list[bool] = [logs.has_room(1)]
    with logs.running(make_turn(logs, "one")), logs.running(make_turn(logs, "two")):
        room.append(logs.has_room(1))
    room.append(logs.has_room(1))  # they are kept
    assert room == [True, False, False]
    full = TurnLogs(Shares(LOG_LIMIT + 1_000))
    turn = make_turn(full)
    with full.running(turn):
        had_room = full.has_room(1)
        turn.log.send_nowait(["x" * 2_000])
        assert (had_room, full.has_room(1)) == (True, False)


async def test_a_key_that_triggers_all_it_can_leaves_as_much_to_the_next_one(
    autojump_clock: MockClock,
) -> None:
    async with swept_logs() as logs:
        triggered = 0
        while logs.has_room(1):
            with logs.running(make_turn(logs, f"turn {triggered}")):
                triggered += 1
        assert triggered == KEPT_TURNS // 2
        assert logs.has_room(2)
        with logs.running(make_turn(logs, "another's", key_id=2)):
            pass
        assert not logs.has_room(1)
        await trio.sleep(KEPT_FOR + 0.1)
        assert logs.has_room(1)


# ---- whom a gateway waits for when it stops -----------------------------------------------------


async def test_a_log_that_was_read_is_not_waited_for(autojump_clock: MockClock) -> None:
    logs = TurnLogs()
    turn = make_turn(logs)
    with logs.running(turn):
        await turn.log.finish()
    with turn.log.reading() as reading:
        reading.has_read_all = True
    began = trio.current_time()
    await logs.wait_until_read()
    assert trio.current_time() == began


async def test_a_poller_that_has_not_had_the_last_entry_is_waited_for_beside_one_who_has(
    autojump_clock: MockClock,
) -> None:
    logs = TurnLogs()
    turn = make_turn(logs)
    with logs.running(turn):
        with turn.log.reading(comes_back=True):
            pass
        with turn.log.reading() as reading:
            await turn.log.finish()
            reading.has_read_all = True
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(logs.wait_until_read)
        await trio.sleep(1)
        with turn.log.reading(comes_back=True) as again:
            again.has_read_all = True
    assert trio.current_time() == began + 1


async def test_a_log_that_nobody_has_fetched_yet_is_waited_for_and_not_for_ever(
    autojump_clock: MockClock,
) -> None:
    logs = TurnLogs()
    turn = make_turn(logs)
    with logs.running(turn):
        await turn.log.finish()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(logs.wait_until_read)

        async def come_and_stay() -> None:
            await trio.sleep(0.5)
            with turn.log.reading() as reading:
                reading.has_read_all = True
                await trio.sleep(1)

        nursery.start_soon(come_and_stay)
    assert trio.current_time() == began + 1.5

    slow = make_turn(logs, "slow")
    with logs.running(slow), slow.log.reading():
        await slow.log.finish()
        began = trio.current_time()
        await logs.wait_until_read()
        assert trio.current_time() == began + READ_WITHIN
