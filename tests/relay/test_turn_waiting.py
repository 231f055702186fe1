"""Questions that wait, places that are kept, and readers that are slow."""

from __future__ import annotations

import trio
import trio.testing
from bot_fakes import summary_of
from fakes import (
    BUSY,
    FAILED,
    OFFLINE,
    Gateway,
    assert_whole,
    question,
    read_events,
    reading_nothing,
)
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError


async def test_further_questions_wait_in_order_for_a_bot_that_takes_one_at_a_time() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as one, gateway.glasses() as two:
            await one.send(question("一"))
            [first] = await bot.wait_for_commands()
            await two.send(question("二"))
            await two.receive_head()
            await trio.testing.wait_all_tasks_blocked()
            assert bot.commands == [first]
            bot.answer(first.session_id, "答一")
            _, second = await bot.wait_for_commands(2)
            assert second.params.message == "二"
            bot.answer(second.session_id, "答二")
            await one.receive_head()
            assert_whole(await one.receive_answer(), "答一")
            assert_whole(await two.receive_answer(), "答二")


async def test_a_question_that_waited_too_long_hears_that_the_bot_is_busy(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as one, gateway.glasses() as two:
            await one.send()
            await bot.wait_for_commands()
            began = trio.current_time()
            await two.send()
            await two.receive_head()
            assert_whole(await two.receive_answer(), BUSY)
            assert trio.current_time() == began + 30


async def test_a_full_queue_is_busy_at_once(autojump_clock: MockClock) -> None:
    gateway = Gateway(limits=Limits(queued_turns=1))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as one, gateway.glasses() as two, gateway.glasses() as three:
            await one.send()
            await bot.wait_for_commands()
            await two.send()
            await two.receive_head()
            began = trio.current_time()
            await three.send()
            await three.receive_head()
            assert_whole(await three.receive_answer(), BUSY)
            assert trio.current_time() == began


async def test_the_place_of_a_turn_that_was_left_is_kept_until_its_end() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as one:
            await one.send()
            [first] = await bot.wait_for_commands()
        async with gateway.glasses() as two:
            await two.send()
            await two.receive_head()
            await trio.testing.wait_all_tasks_blocked()
            assert len(bot.commands) == 1  # an old SDK would mix the two answers up
            bot.say(StreamEnd(first.session_id))
            _, second = await bot.wait_for_commands(2)
            bot.answer(second.session_id, "好")
            assert_whole(await two.receive_answer(), "好")


async def test_the_place_of_a_turn_that_was_left_is_free_after_a_silent_idle_timeout(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway(patience=Patience(queue_timeout=100))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as one:
            await one.send()
            await bot.wait_for_commands()
            asked = trio.current_time()
        async with gateway.glasses() as two:
            await two.send()
            _, second = await bot.wait_for_commands(2)
            assert trio.current_time() == asked + 60
            bot.answer(second.session_id, "好")
            await two.receive_head()
            assert_whole(await two.receive_answer(), "好")


async def test_a_bot_that_can_cancel_has_its_place_back_at_once() -> None:
    gateway = Gateway()
    bot = gateway.bot(can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.glasses() as one:
            await one.send()
            await bot.wait_for_commands()
        async with gateway.glasses() as two:
            await two.send()
            _, second = await bot.wait_for_commands(2)
            bot.answer(second.session_id, "好")
            await two.receive_head()
            assert_whole(await two.receive_answer(), "好")


async def test_a_bot_s_error_is_told_in_our_words_and_not_in_its_own() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            bot.say(StreamError(command.session_id, "ECONNREFUSED 10.0.0.7:1234 sk-secret"))
            await glasses.receive_head()
            blocks = await glasses.receive_answer()
    names = [name for name, _ in read_events(blocks)]
    assert names == ["error", "message", "done"]
    assert read_events(blocks)[0][1] == {"message": FAILED}
    assert_whole(blocks[:1] + blocks[2:], FAILED)
    assert gateway.traces[0].said == "ECONNREFUSED 10.0.0.7:1234 sk-secret"


async def test_an_answer_without_text_is_a_failure() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            bot.say(StreamEnd(command.session_id), summary_of(command.session_id))
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), FAILED)
    assert gateway.traces[0].outcome is Outcome.BOT_ERROR


async def test_a_link_that_does_not_come_back_in_time_is_offline(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    async with gateway.glasses() as glasses:
        with bot.station.attached(bot):
            await glasses.send()
            [command] = await bot.wait_for_commands()
            bot.say(StreamChunk(command.session_id, "半句", 0))
            await bot.wait_for_acknowledged(1)
        lost = trio.current_time()
        await glasses.receive_head()
        blocks = await glasses.receive_answer()
        assert trio.current_time() == lost + 20
    assert_whole(blocks, "半句" + OFFLINE)


async def test_a_slow_reader_loses_its_answer_and_nobody_else_s() -> None:
    gateway = Gateway(limits=Limits(answer_buffer=100_000))
    bot = gateway.bot(capacity=2)
    with bot.station.attached(bot):
        async with reading_nothing(gateway, bot) as (_, turn), gateway.glasses() as healthy:
            await healthy.send()
            _, second = await bot.wait_for_commands(2)
            bot.say(StreamChunk(turn, "没人读", 0))
            for n in range(1, 50):  # while the first chunk cannot be written
                bot.say(StreamChunk(turn, "满" * 1000, n))
            await bot.wait_for_cancel()
            bot.answer(second.session_id, "健", "康")
            await healthy.receive_head()
            assert_whole(await healthy.receive_answer(), "健康")
    assert [trace.outcome for trace in gateway.traces] == [Outcome.SLOW_READER, Outcome.ANSWERED]


async def test_a_reader_that_takes_nothing_is_let_go_after_the_write_timeout(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with reading_nothing(gateway, bot) as (_, turn):
            bot.say(StreamChunk(turn, "没人读", 0))
            began = trio.current_time()
            await bot.wait_for_acknowledged(1)  # not written, but its turn is over
            assert bot.cancelled == [turn]
            assert trio.current_time() == began + 10
    assert gateway.traces[0].outcome is Outcome.SLOW_READER
