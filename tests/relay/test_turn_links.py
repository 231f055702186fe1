"""Turns whose bot has several links, one after the other or beside each other, and bounds."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from fakes import FAILED, SILENT, Gateway, assert_whole, question, reading_nothing, spoken
from trio.testing import MockClock

from eyeclaw_trio.core.patience import ANSWER_LIMIT, Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import KEPT_EVENTS, Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary

TOO_LONG = "回答过长，已中断。"


async def test_a_command_that_died_with_its_link_is_sent_again_where_that_is_safe() -> None:
    gateway = Gateway()
    one, two = gateway.bot(can_resume=True), gateway.bot(can_resume=True)
    async with gateway.glasses() as glasses:
        with one.station.attached(one):
            await glasses.send()
            [command] = await one.wait_for_commands()
        with two.station.attached(two):
            assert await two.wait_for_commands() == [command]
            two.answer(command.session_id, "好")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "好")


async def test_a_newer_link_takes_new_turns_and_the_older_goes_when_its_turn_is_over() -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    with old.station.attached(old):
        async with gateway.glasses() as one, gateway.glasses() as two:
            await one.send(question("一"))
            [first] = await old.wait_for_commands()
            with new.station.attached(new):
                assert old.replacements == 0
                await two.send(question("二"))
                await two.receive_head()
                await trio.testing.wait_all_tasks_blocked()
                assert new.commands == []  # the place is the bot's, not the link's
                old.answer(first.session_id, "答一")
                [second] = await new.wait_for_commands()
                new.answer(second.session_id, "答二")
                await one.receive_head()
                assert_whole(await one.receive_answer(), "答一")
                assert old.replacements > 0
                assert_whole(await two.receive_answer(), "答二")
    assert new.replacements == 0


async def test_an_older_link_may_say_its_last_words_when_a_newer_one_is_there() -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    with old.station.attached(old):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await old.wait_for_commands()
            turn = command.session_id
            with new.station.attached(new):
                old.say(StreamChunk(turn, "一", 0), StreamChunk(turn, "三", 2), StreamEnd(turn))
                assert old.replacements == 0  # its summary is still to come
                old.say(summary_of(turn, "一", "二", "三"))
                await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), "一二三")
                await trio.testing.wait_all_tasks_blocked()
                assert old.replacements > 0


async def test_an_older_link_goes_on_with_an_answer_that_its_reader_has_left() -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    with old.station.attached(old):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await old.wait_for_commands()
        await old.wait_for_cancel()
        with new.station.attached(new):
            assert old.replacements == 0
            old.say(StreamEnd(command.session_id))
            assert old.replacements > 0


@pytest.mark.parametrize("seconds", [0.3, 2.5, 9.0])
async def test_what_came_during_a_long_write_counts_before_any_deadline_does(
    seconds: float, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with reading_nothing(gateway, bot) as (reader, turn):
            bot.say(StreamChunk(turn, "一", 0), StreamEnd(turn))
            await trio.testing.wait_all_tasks_blocked()  # the write has begun
            bot.say(summary_of(turn, "一", "二", "三"))
            await trio.sleep(seconds)
            assert_whole(await reader.receive_answer(), "一二三")
            await trio.aclose_forcefully(reader.stream)
    assert gateway.traces[0].missing == ((1, 2),)


async def test_a_second_summary_does_not_take_back_the_first() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            bot.say(StreamChunk(turn, "一", 0), StreamChunk(turn, "三", 2))
            bot.say(StreamEnd(turn), summary_of(turn, "一", "二", "三"))
            bot.say(StreamEnd(turn), summary_of(turn))
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "一二三")


async def test_a_bot_speaks_for_its_own_turns_only() -> None:
    gateway = Gateway()
    bot, stranger = gateway.bot(1), gateway.bot(2)
    with bot.station.attached(bot), stranger.station.attached(stranger):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            stranger.say(StreamChunk(command.session_id, "假", 0), StreamEnd(command.session_id))
            bot.answer(command.session_id, "真")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "真")
    assert stranger.station.foreign_messages == 2
    assert [trace.anomalies for trace in gateway.traces] == [(Anomaly.FOREIGN,)]
    assert stranger.acknowledged == []


async def test_a_left_turn_is_cancelled_on_the_link_that_the_bot_came_back_on() -> None:
    gateway = Gateway()
    one, two = gateway.bot(can_cancel=True), gateway.bot(can_cancel=True)
    async with gateway.glasses() as glasses:
        with one.station.attached(one):
            await glasses.send()
            [command] = await one.wait_for_commands()
            one.say(StreamChunk(command.session_id, "一", 0))
            await one.wait_for_acknowledged(1)
        one.is_alive = False
        with two.station.attached(two):
            await trio.aclose_forcefully(glasses.stream)
            await two.wait_for_cancel()
            assert two.cancelled == [command.session_id]
            async with gateway.glasses() as next_glasses:
                await next_glasses.send()
                [command] = await two.wait_for_commands()  # the place is free
                two.answer(command.session_id, "好")
                await next_glasses.receive_head()
                assert_whole(await next_glasses.receive_answer(), "好")


async def test_a_turn_that_was_left_while_no_link_lived_is_cancelled_when_the_bot_is_back() -> None:
    gateway = Gateway()
    one, two = gateway.bot(can_cancel=True), gateway.bot(can_cancel=True)
    async with gateway.glasses() as glasses:
        with one.station.attached(one):
            await glasses.send()
            [command] = await one.wait_for_commands()
            one.is_alive = False
    await trio.testing.wait_all_tasks_blocked()
    with two.station.attached(two):
        assert two.cancelled == [command.session_id]


async def test_a_link_that_was_told_to_end_takes_no_command() -> None:
    gateway = Gateway()
    ending, newer = gateway.bot(), gateway.bot()
    with newer.station.attached(newer), ending.station.attached(ending):
        ending.is_alive = False
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await newer.wait_for_commands()
            newer.answer(command.session_id, "好")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "好")
        newer.is_alive = False
        assert not gateway.switchboard.is_online(1)


async def test_a_waiting_question_gets_its_place_when_the_newest_link_leaves() -> None:
    gateway = Gateway()
    old, new = gateway.bot(capacity=2), gateway.bot(capacity=1)
    with old.station.attached(old):
        async with gateway.glasses() as one, gateway.glasses() as two:
            await one.send()
            [first] = await old.wait_for_commands()
            with new.station.attached(new):
                await two.send()
                await two.receive_head()
                await trio.testing.wait_all_tasks_blocked()
                assert new.commands == []
            _, second = await old.wait_for_commands(2)
            for command, glasses in ((first, one), (second, two)):
                old.answer(command.session_id, "好")
                if glasses is one:
                    await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), "好")


async def test_chunks_that_were_held_when_the_turn_failed_are_acknowledged() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            chunks = [StreamChunk(turn, "x", n) for n in (0, 2, 3, 3)]
            bot.say(*chunks, StreamError(turn, "no more"))
            await glasses.receive_head()
            assert spoken(await glasses.receive_answer()) == "x" + FAILED
    assert sorted(bot.acknowledged) == [(turn, 0), (turn, 2), (turn, 3), (turn, 3)]


async def test_a_flood_of_errors_is_bounded_like_a_flood_of_text() -> None:
    gateway = Gateway(limits=Limits(answer_buffer=100_000))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with reading_nothing(gateway, bot) as (_, turn):
            bot.say(StreamChunk(turn, "没人读", 0))
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(20):
                bot.say(StreamError(turn, "x" * 10_000))
            await bot.wait_for_acknowledged(1)
    assert gateway.traces[0].outcome is Outcome.SLOW_READER


async def test_a_word_at_the_last_moment_moves_every_deadline(mock_clock: MockClock) -> None:
    gateway = Gateway(patience=Patience(idle_timeout=5, keepalive=9))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            await glasses.receive_head()
            assert await glasses.receive_event() == ": connected"
            await trio.testing.wait_all_tasks_blocked()
            for sequence in range(4):
                mock_clock.jump(5)  # the time-out is there, and so is the word
                bot.say(StreamChunk(turn, "慢", sequence))
                assert '"慢"' in await glasses.receive_event()
                await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(5)
            assert_whole(await glasses.receive_answer(), SILENT)
    assert gateway.traces[0].outcome is Outcome.TIMEOUT


async def test_an_answer_without_end_is_cut_off_told_and_cancelled() -> None:
    gateway = Gateway()
    bot = gateway.bot(can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            await glasses.receive_head()
            assert await glasses.receive_event() == ": connected"
            piece = "x" * 60_000
            for n in range(ANSWER_LIMIT // 60_000 + 1):
                bot.say(StreamChunk(turn, piece, n))
                await glasses.receive_event()
            assert_whole([": connected", *await glasses.receive_answer()], TOO_LONG)
            await bot.wait_for_cancel()
    assert gateway.traces[0].outcome is Outcome.REJECTED
    assert gateway.traces[0].reason == "too_long"


async def test_summaries_without_text_for_ever_end_the_turn_all_the_same(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses, trio.open_nursery() as nursery:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            turn = command.session_id

            async def sum_up_for_ever() -> None:
                while True:
                    bot.say(StreamSummary(turn, total_chunks=1))
                    await trio.sleep(0.01)

            began = trio.current_time()
            bot.say(StreamChunk(turn, "好", 0))
            nursery.start_soon(sum_up_for_ever)
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "好")
            assert trio.current_time() == began + 2
            nursery.cancel_scope.cancel()
    assert len(gateway.traces[0].events) <= KEPT_EVENTS + 1
