"""RELIABILITY 11 to 14, 23, 26 and 27: what a bot may do wrong with the text of its answer."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from fakes import SILENT, Gateway, assert_whole
from healthy_turn import beside_a_healthy_turn
from stream_rows import acknowledged, asking, trace_of
from trio.testing import MockClock

from eyeclaw_trio.core.patience import HELD_CHUNKS, Limits
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamSummary

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
        assert (trace.duplicates, trace.chunks_received, trace.anomalies) == (4, 3, ())


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
        assert trace_of(gateway, turn).anomalies == ()


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
        assert (trace.missing, trace.anomalies) == (((lost, lost),), (Anomaly.HEALED,))
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
        assert (trace.missing, trace.anomalies) == (((1, 1),), (Anomaly.LOST,))


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
