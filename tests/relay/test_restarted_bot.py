"""A bot that was restarted, or seems stuck: who stays and who asks again (RELIABILITY 38).

Times are those of the protocol: 60 s idle, 20 s to resume, 30 s in the queue.
"""

from __future__ import annotations

import trio
import trio.testing
from bot_fakes import FakeBot
from fakes import OFFLINE, Gateway, assert_whole, question, spoken
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Happening
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content


async def test_who_stays_hears_the_offline_text_after_the_resume_grace(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    async with gateway.glasses() as glasses:
        with old.station.attached(old):
            await glasses.send()
            [command] = await old.wait_for_commands()
            old.say(StreamChunk(command.session_id, "半句", 0))
            await old.wait_for_acknowledged(1)
        old.is_alive = False
        await trio.sleep(4)
        with new.station.attached(new):  # a new process, which knows nothing of it
            back = trio.current_time()
            await glasses.receive_head()
            assert spoken(await glasses.receive_answer()) == "半句" + OFFLINE
            assert trio.current_time() == back + 20


async def test_who_asks_again_after_a_stuck_bot_was_restarted_is_answered_at_once(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    with old.station.attached(old):
        async with gateway.glasses() as glasses:
            await glasses.send()
            await old.wait_for_commands()
            await trio.sleep(30)  # it seems stuck; the wearer gives up
    old.is_alive = False
    await trio.sleep(3)
    with new.station.attached(new):
        await trio.sleep(2)
        asked = trio.current_time()
        await expect_answer(gateway, new)
        assert trio.current_time() == asked


async def test_who_asks_again_after_a_restart_in_mid_answer_never_hears_busy(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    with old.station.attached(old):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await old.wait_for_commands()
            old.say(StreamChunk(command.session_id, "半句", 0))
            await old.wait_for_acknowledged(1)
            heard = trio.current_time()
    old.is_alive = False
    await trio.sleep(4)
    with new.station.attached(new):
        await expect_answer(gateway, new)
        assert trio.current_time() == heard + 20  # as long as its silence about the turn may last


async def test_who_asks_in_the_moment_of_the_restart_waits_until_the_new_process_has_settled(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    with old.station.attached(old):
        async with gateway.glasses() as glasses:
            await glasses.send()
            await old.wait_for_commands()
            await trio.sleep(30)
    old.is_alive = False
    with new.station.attached(new):
        back = trio.current_time()
        await expect_answer(gateway, new)
        assert trio.current_time() == back + 1


async def test_the_same_process_come_back_and_still_at_a_left_turn_keeps_its_place(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    one, two = gateway.bot(), gateway.bot()
    with one.station.attached(one):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await one.wait_for_commands()
    one.is_alive = False
    await trio.sleep(25)
    with two.station.attached(two):
        two.say(StreamChunk(command.session_id, "还在说", 7))
        async with gateway.glasses() as glasses:
            await glasses.send()
            await glasses.receive_head()
            await trio.sleep(22)  # longer than the resume grace: it has spoken since
            assert two.commands == []
            two.say(StreamEnd(command.session_id))
            [second] = await two.wait_for_commands()
            two.answer(second.session_id, "好")
            assert_whole(await glasses.receive_answer(), "好")


async def test_a_turn_that_waits_learns_when_a_second_link_frees_the_place_sooner(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway(patience=Patience(queue_timeout=100, keepalive=1_000))
    half_open, new = gateway.bot(), gateway.bot()
    with half_open.station.attached(half_open):
        async with gateway.glasses() as glasses:
            await glasses.send()
            await half_open.wait_for_commands()
            asked = trio.current_time()
        async with gateway.glasses() as glasses:
            await glasses.send()
            await glasses.receive_head()
            await trio.sleep(10)
            with new.station.attached(new):  # the old one has not been found out yet
                [second] = await new.wait_for_commands()
                assert trio.current_time() == asked + 20
                new.answer(second.session_id, "好")
                assert_whole(await glasses.receive_answer(), "好")


async def test_a_turn_whose_link_was_replaced_waits_only_the_resume_grace(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    old, new = gateway.bot(), gateway.bot()
    async with gateway.glasses() as glasses:
        with old.station.attached(old):
            await glasses.send()
            [command] = await old.wait_for_commands()
            old.say(StreamChunk(command.session_id, "半句", 0))
            await old.wait_for_acknowledged(1)
            attachment = new.station.attached(new)
            attachment.__enter__()
        gone = trio.current_time()
        await glasses.receive_head()
        assert spoken(await glasses.receive_answer()) == "半句" + OFFLINE
        assert trio.current_time() == gone + 20
        attachment.__exit__(None, None, None)
    assert Happening.LINK_REPLACED in [event.kind for event in gateway.traces[0].events]


async def test_the_trace_says_which_turn_holds_the_place(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as one, gateway.glasses() as two:
            await one.send(question("一"))
            [first] = await bot.wait_for_commands()
            await two.send(question("二"))
            await two.receive_head()
            await trio.testing.wait_all_tasks_blocked()
            bot.answer(first.session_id, "好")
            _, second = await bot.wait_for_commands(2)
            bot.answer(second.session_id, "好")
            await two.receive_answer()
    trace = next(trace for trace in gateway.traces if trace.session_id == second.session_id)
    assert [event.data for event in trace.events if event.kind is Happening.QUEUED] == [
        {"held_by": first.metadata.trace_id}
    ]


async def test_a_command_that_found_no_link_is_sent_when_there_is_one_again() -> None:
    gateway = Gateway()
    bot, new = gateway.bot(), gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as one, gateway.glasses() as two:
            await one.send(question("一"))
            [first] = await bot.wait_for_commands()
            await two.send(question("二"))
            await two.receive_head()
            await trio.testing.wait_all_tasks_blocked()
            bot.say(StreamEnd(first.session_id))  # the place is the second's, whose task sends
            bot.is_alive = False  # and in this moment the link ends
            await trio.testing.wait_all_tasks_blocked()
            assert bot.commands == [first]
            with new.station.attached(new):
                [second] = await new.wait_for_commands()
                assert second.params.message == "二"
                new.answer(second.session_id, "好")
                assert_whole(await two.receive_answer(), "好")


# ---- what a bot repeats of its failed turns -----------------------------------------------------


async def fail(gateway: Gateway, bot: FakeBot, text: str) -> None:
    """A turn in which the bot says this and then an error; it keeps it in its buffer."""
    async with gateway.glasses() as glasses:
        asked = len(bot.commands)
        await glasses.send()
        turn = (await bot.wait_for_commands(asked + 1))[asked].session_id
        bot.say(StreamChunk(turn, text, 0), StreamError(turn, "model failed"))
        await glasses.receive_head()
        assert spoken(await glasses.receive_answer()).startswith(text)


async def test_a_failed_answer_is_not_spoken_again_when_the_next_turn_loses_its_link() -> None:
    gateway = Gateway()
    one, two = gateway.bot(), gateway.bot()
    with one.station.attached(one):
        await fail(gateway, one, "旧的半句。")
        await fail(gateway, one, "又半句。")
        glasses_context = gateway.glasses()
        glasses = await glasses_context.__aenter__()
        await glasses.send()
        turn = (await one.wait_for_commands(3))[2].session_id
    one.is_alive = False
    with two.station.attached(two):
        two.say(StreamEnd(turn), summary_with_count("旧的半句。又半句。新的答案", turn, 2))
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), "新的答案")
        await glasses_context.__aexit__(None, None, None)


async def test_a_gap_heals_from_a_summary_that_begins_with_a_failed_answer() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        await fail(gateway, bot, "旧的半句。")
        async with gateway.glasses() as glasses:
            await glasses.send()
            turn = (await bot.wait_for_commands(2))[1].session_id
            bot.say(StreamChunk(turn, "一", 0), StreamChunk(turn, "四", 23), StreamEnd(turn))
            bot.say(summary_with_count("旧的半句。一二三四", turn, 24))
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "一二三四")


async def test_what_was_summed_up_is_never_taken_for_a_repetition() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        await fail(gateway, bot, "好的。")
        for count in (2, 3):
            async with gateway.glasses() as glasses:
                await glasses.send()
                turn = (await bot.wait_for_commands(count))[count - 1].session_id
                front = "好的。" if count == 2 else ""  # its buffer was emptied by the summary
                bot.say(StreamEnd(turn), summary_with_count(front + "好的。明天见。", turn, 2))
                await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), "好的。明天见。")


def summary_with_count(text: str, turn: str, chunks: int) -> StreamSummary:
    return StreamSummary(turn, text, chunks, hash_content(text))


async def expect_answer(gateway: Gateway, bot: FakeBot) -> None:
    """A question that is answered, however long its bot has it wait."""
    async with gateway.glasses() as glasses:
        await glasses.send()
        [command] = await bot.wait_for_commands()
        bot.answer(command.session_id, "好")
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), "好")
