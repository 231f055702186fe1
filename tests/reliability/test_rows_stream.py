"""RELIABILITY 11 to 14, 23, 26 and 27: what a bot may do wrong with the text of its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from fakes import (
    FAILED,
    SILENT,
    FakeBot,
    Gateway,
    Glasses,
    assert_whole,
    question,
    read_events,
    summary_of,
)
from healthy_turn import beside_a_healthy_turn, taken_places
from trio.testing import MockClock

from eyeclaw_trio.core.patience import HELD_CHUNKS, Limits
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary


@asynccontextmanager
async def asking(gateway: Gateway, bot: FakeBot) -> AsyncIterator[tuple[Glasses, str]]:
    """A reader whose question has reached the bot, and the turn that it is."""
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            asked = len(bot.commands)
            await glasses.send(question(agent_id=str(bot.station.bot_id)))
            assert (await glasses.receive_head()).status_code == 200
            yield glasses, (await bot.wait_for_commands(asked + 1))[asked].session_id


def trace_of(gateway: Gateway, turn: str) -> Trace:
    [trace] = [each for each in gateway.traces if each.session_id == turn]
    return trace


def acknowledged(bot: FakeBot, turn: str) -> list[int]:
    """What was acknowledged of this turn, one entry for each copy."""
    return sorted(sequence for session_id, sequence in bot.acknowledged if session_id == turn)


# ---- 11: duplicates -----------------------------------------------------------------------------


async def test_row_11_a_duplicate_is_text_once_and_acknowledged_each_time_and_counted(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            for sequence, text in (
                (0, "一"),
                (0, "一"),
                (2, "三"),
                (2, "三"),
                (1, "二"),
                (1, "二"),
            ):
                bot.say(StreamChunk(turn, text, sequence))
                await trio.sleep(0.1)
            bot.say(StreamChunk(turn, "一", 0))  # long written
            await trio.sleep(0.1)
            assert acknowledged(bot, turn) == [0, 0, 0, 1, 1, 2, 2]
            bot.say(StreamEnd(turn), summary_of(turn, "一", "二", "三"))
            assert_whole(await glasses.receive_answer(), "一二三")
        trace = trace_of(gateway, turn)
        assert (trace.duplicates, trace.chunks_received, trace.anomalies) == (4, 3, [])


async def test_row_11_a_duplicate_with_another_text_changes_nothing_that_was_said(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "真", 0), StreamChunk(turn, "假", 0))
            bot.say(StreamEnd(turn), summary_of(turn, "真"))
            assert_whole(await glasses.receive_answer(), "真")
        assert acknowledged(bot, turn) == [0, 0]


# ---- 12: out of order ---------------------------------------------------------------------------


async def test_row_12_chunks_out_of_order_are_written_and_acknowledged_in_order(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            pieces = [f"第{n}句。" for n in range(8)]
            for sequence in (1, 3, 2, 4, 0, 7, 6):
                bot.say(StreamChunk(turn, pieces[sequence], sequence))
                await trio.sleep(0.1)
                if sequence != 0 and sequence < 5:
                    assert acknowledged(bot, turn) == []  # written, not merely received
            assert acknowledged(bot, turn) == [0, 1, 2, 3, 4]
            bot.say(StreamChunk(turn, pieces[5], 5))
            bot.say(StreamEnd(turn), summary_of(turn, *pieces))
            assert_whole(await glasses.receive_answer(), "".join(pieces))
        assert trace_of(gateway, turn).anomalies == []


async def test_row_12_256_chunks_are_held_and_the_257th_is_dropped_and_healed_by_the_summary(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            pieces = [f"{n}," for n in range(HELD_CHUNKS + 3)]
            assert HELD_CHUNKS == 256
            for sequence in range(1, HELD_CHUNKS + 3):  # the first is missing, 258 come
                bot.say(StreamChunk(turn, pieces[sequence], sequence))
            await trio.sleep(1)
            assert acknowledged(bot, turn) == []
            bot.say(StreamChunk(turn, pieces[0], 0))
            await trio.sleep(1)
            assert acknowledged(bot, turn) == [*range(HELD_CHUNKS + 1)]  # the last two: never
            bot.say(StreamEnd(turn), summary_of(turn, *pieces))
            assert_whole(await glasses.receive_answer(), "".join(pieces))
        trace = trace_of(gateway, turn)
        assert trace.dropped == 2
        assert trace.missing == ((HELD_CHUNKS + 1, HELD_CHUNKS + 2),)
        assert set(trace.anomalies) == {Anomaly.DROPPED, Anomaly.HEALED}


async def test_row_12_what_is_held_is_bounded_in_bytes_of_utf_8_too(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway(limits=Limits(answer_buffer=30_000))
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            pieces = ["零", *["满" * 1000] * 10, "溢"]  # ten times 3,000 bytes fit exactly
            for sequence in range(1, len(pieces)):
                bot.say(StreamChunk(turn, pieces[sequence], sequence))
                await trio.sleep(0.1)
            bot.say(StreamChunk(turn, pieces[0], 0))
            await trio.sleep(0.1)
            assert acknowledged(bot, turn) == [*range(11)]
            bot.say(StreamEnd(turn), summary_of(turn, *pieces))
            assert_whole(await glasses.receive_answer(), "".join(pieces))
        assert trace_of(gateway, turn).dropped == 1


# ---- 13: missing --------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [0, 1, 2], ids=["the first", "in the middle", "the last"])
async def test_row_13_one_lost_character_is_healed_and_an_anomaly(
    lost: int, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        pieces = ["一", "二", "三"]
        async with asking(gateway, bot) as (glasses, turn):
            for sequence in {0, 1, 2} - {lost}:
                bot.say(StreamChunk(turn, pieces[sequence], sequence))
            bot.say(StreamEnd(turn))
            await trio.sleep(0.2)
            bot.say(summary_of(turn, *pieces))
            began = trio.current_time()
            assert_whole(await glasses.receive_answer(), "一二三")
            assert trio.current_time() == began
        trace = trace_of(gateway, turn)
        assert (trace.missing, trace.anomalies) == (((lost, lost),), [Anomaly.HEALED])
        assert trace.outcome is Outcome.ANSWERED


async def test_row_13_without_a_summary_the_rest_is_said_and_the_hole_is_recorded(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "一", 0), StreamChunk(turn, "三", 2), StreamEnd(turn))
            began = trio.current_time()
            assert_whole(await glasses.receive_answer(), "一三")
            assert trio.current_time() == began + 2
            assert acknowledged(bot, turn) == [0, 2]
        trace = trace_of(gateway, turn)
        assert (trace.missing, trace.anomalies) == (((1, 1),), [Anomaly.LOST])


async def test_row_13_a_hole_is_recorded_when_the_bot_falls_silent_behind_it(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "一", 0), StreamChunk(turn, "三", 2))
            assert_whole(await glasses.receive_answer(), "一" + SILENT)
        trace = trace_of(gateway, turn)
        assert trace.outcome is Outcome.TIMEOUT
        assert trace.missing == ((1, 1),)
        assert Anomaly.LOST in trace.anomalies


# ---- 14: contradictions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "total"),
    [("别的", 2), ("一二三", 2), ("一", 2), ("", 2), ("一二", 1), ("一二", 0)],
)
async def test_row_14_with_all_chunks_there_they_count_and_the_contradiction_is_recorded(
    text: str, total: int, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "一", 0), StreamChunk(turn, "二", 1), StreamEnd(turn))
            bot.say(StreamSummary(turn, text, total, "0"))
            assert_whole(await glasses.receive_answer(), "一二")
        assert Anomaly.CONTRADICTION in trace_of(gateway, turn).anomalies


async def test_row_14_with_chunks_missing_nothing_of_another_text_is_appended(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "一", 0), StreamChunk(turn, "三", 2), StreamEnd(turn))
            bot.say(StreamSummary(turn, "旧的一二三", 3, "0"))
            assert_whole(await glasses.receive_answer(), "一三")
        trace = trace_of(gateway, turn)
        assert trace.missing == ((1, 1),)
        assert {Anomaly.CONTRADICTION, Anomaly.LOST} <= set(trace.anomalies)


# ---- 23: another bot's turn ---------------------------------------------------------------------


async def test_row_23_what_a_bot_says_of_another_bots_turn_is_ignored_and_counted(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot, stranger = gateway.bot(1), gateway.bot(2)
        with stranger.station.attached(stranger):
            async with asking(gateway, bot) as (glasses, turn):
                stranger.say(
                    StreamChunk(turn, "假", 0),
                    StreamChunk(turn, "假"),
                    StreamChunk(turn, "假", 1_000),
                    StreamError(turn, "假"),
                    StreamEnd(turn),
                    StreamSummary(turn, "假", 1, "0"),
                )
                await trio.sleep(1)
                bot.answer(turn, "真")
                assert_whole(await glasses.receive_answer(), "真")
        assert stranger.station.foreign_messages == 6
        assert stranger.acknowledged == []
        assert trace_of(gateway, turn).anomalies == [Anomaly.FOREIGN]


# ---- 26: late -----------------------------------------------------------------------------------


async def test_row_26_a_chunk_after_the_end_is_acknowledged_dropped_counted_and_never_said_next(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, first):
            bot.answer(first, "一")
            assert_whole(await glasses.receive_answer(), "一")
        async with asking(gateway, bot) as (glasses, second):
            bot.say(StreamChunk(first, "旧", 1), StreamChunk(first, "旧", 0), StreamEnd(first))
            assert acknowledged(bot, first) == [0, 0, 1]
            bot.answer(second, "二")
            assert_whole(await glasses.receive_answer(), "二")
        assert bot.station.late_messages == 3


async def test_row_26_a_chunk_after_the_time_out_is_acknowledged_dropped_and_never_said_next(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, first):
            assert_whole(await glasses.receive_answer(), SILENT)
            bot.say(StreamChunk(first, "旧", 0), StreamEnd(first), summary_of(first, "旧"))
            assert acknowledged(bot, first) == [0]
            assert taken_places(gateway) == 1  # the healthy turn's
        async with asking(gateway, bot) as (glasses, second):
            bot.answer(second, "二")
            assert_whole(await glasses.receive_answer(), "二")
        assert bot.station.late_messages == 3
        assert trace_of(gateway, first).outcome is Outcome.TIMEOUT


async def test_row_26_a_chunk_that_comes_while_the_last_words_are_written_is_acknowledged_too(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        # A stream that takes nothing until it is read, so that the last write can be held up.
        ours, theirs = trio.testing.lockstep_stream_pair()
        with bot.station.attached(bot):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(gateway.front_door.serve_connection, theirs)
                glasses = Glasses(ours)
                await glasses.send()
                await glasses.receive_head()
                assert await glasses.receive_event() == ": connected"
                [command] = await bot.wait_for_commands()
                turn = command.session_id
                bot.say(StreamChunk(turn, "一", 0), StreamEnd(turn), summary_of(turn, "一"))
                await trio.sleep(0.1)  # the whole answer is being written, and nobody reads
                bot.say(StreamChunk(turn, "晚", 1), StreamChunk(turn, "一", 0))
                assert_whole(await glasses.receive_answer(), "一")
                await trio.aclose_forcefully(ours)
        assert acknowledged(bot, turn) == [0, 0, 1]
        assert bot.station.late_messages == 2


# ---- 27: odd endings ----------------------------------------------------------------------------


async def test_row_27_a_bot_that_ends_twice_has_answered_once(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "好", 0), StreamEnd(turn), StreamEnd(turn))
            bot.say(summary_of(turn, "好"), summary_of(turn, "好"))
            assert_whole(await glasses.receive_answer(), "好")
        trace = trace_of(gateway, turn)
        assert (trace.outcome, trace.reason, trace.anomalies) == (Outcome.ANSWERED, "", [])


async def test_row_27_a_bot_that_never_ends_has_timed_out(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "好", 0))
            began = trio.current_time()
            assert_whole(await glasses.receive_answer(), "好" + SILENT)
            assert trio.current_time() == began + 60
        assert trace_of(gateway, turn).outcome is Outcome.TIMEOUT


async def test_row_27_a_summary_without_an_end_is_an_answer_and_an_anomaly(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "好", 0), summary_of(turn, "好"))
            assert_whole(await glasses.receive_answer(), "好")
        trace = trace_of(gateway, turn)
        assert (trace.outcome, trace.anomalies) == (Outcome.ANSWERED, [Anomaly.NO_END])


@pytest.mark.parametrize("text", ["", " \n"])
async def test_row_27_a_bot_that_ends_without_text_has_failed(
    text: str, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            if text:
                bot.say(StreamChunk(turn, text, 0))
            bot.say(StreamEnd(turn), summary_of(turn, *([text] if text else [])))
            blocks = await glasses.receive_answer()
            assert_whole(blocks, text + FAILED)
            assert "error" not in [name for name, _ in read_events(blocks)]
        trace = trace_of(gateway, turn)
        assert (trace.outcome, trace.reason) == (Outcome.BOT_ERROR, "empty_answer")


async def test_row_27_a_bot_that_errs_after_its_text_has_said_its_text_and_failed(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "半句", 0), StreamError(turn, "EPIPE at 10.0.0.7"))
            bot.say(StreamEnd(turn), StreamError(turn, "again"))
            blocks = await glasses.receive_answer()
            names = [name for name, _ in read_events(blocks)]
            assert names == ["message", "error", "message", "done"]
            assert "10.0.0.7" not in "".join(blocks)
        trace = trace_of(gateway, turn)
        assert (trace.outcome, trace.reason) == (Outcome.BOT_ERROR, "unknown")
        assert trace.said == "EPIPE at 10.0.0.7"


async def test_row_27_an_error_behind_the_end_takes_nothing_back(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        async with asking(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "好", 0), StreamEnd(turn), StreamError(turn, "late"))
            assert_whole(await glasses.receive_answer(), "好")
        assert trace_of(gateway, turn).outcome is Outcome.ANSWERED


# ---- and what all of them leave behind ----------------------------------------------------------


@pytest.mark.parametrize("can_cancel", [True, False])
async def test_2000_turns_opened_and_cancelled_leave_tasks_turns_and_files_where_they_were(
    can_cancel: bool, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot(capacity=50, can_cancel=can_cancel)
        with bot.station.attached(bot):
            for number in range(2_000 // 50):
                async with trio.open_nursery() as nursery:
                    for place in range(50):
                        nursery.start_soon(_ask_and_leave, gateway, bot, place)
                    await bot.wait_for_commands(50 * (number + 1))
                assert gateway.switchboard.open_turns == 1
                if not can_cancel:
                    for command in bot.commands[-50:]:
                        bot.say(StreamEnd(command.session_id))
        assert len({command.session_id for command in bot.commands}) == 2_000
        assert len(bot.cancelled) == 2_000
    cancelled = [each for each in gateway.traces if each.outcome is Outcome.CANCELLED]
    assert len(cancelled) == 2_000


async def _ask_and_leave(gateway: Gateway, bot: FakeBot, place: int) -> None:
    """Every other one has heard something of its answer before it leaves."""
    async with gateway.glasses() as glasses:
        await glasses.send(question(f"{place}"))
        await glasses.receive_head()
        assert await glasses.receive_event() == ": connected"
        await trio.testing.wait_all_tasks_blocked()
