"""Rows 23, 26 and 27: another bot's turn, what comes late, and odd endings."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from bot_fakes import FakeBot, summary_of
from fakes import FAILED, SILENT, Gateway, Glasses, assert_whole, question, read_events
from healthy_turn import beside_a_healthy_turn, taken_places
from stream_rows import acknowledged, asking, trace_of
from trio.testing import MockClock

from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary


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
        assert trace_of(gateway, turn).anomalies == (Anomaly.FOREIGN,)


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
        assert (trace.outcome, trace.reason, trace.anomalies) == (Outcome.ANSWERED, "", ())


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
        assert (trace.outcome, trace.anomalies) == (Outcome.ANSWERED, (Anomaly.NO_END,))


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
