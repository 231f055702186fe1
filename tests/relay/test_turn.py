"""The heart in virtual time: one question out, one answer back, and nothing left behind."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from fakes import (
    BUSY,
    FAILED,
    OFFLINE,
    SILENT,
    Gateway,
    assert_whole,
    question,
    read_events,
    reading_nothing,
    spoken,
    summary_of,
)
from trio.testing import MockClock

from eyeclaw_trio.core.patience import ANSWER_LIMIT, Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import KEPT_EVENTS, Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary

TOO_LONG = "回答过长，已中断。"


async def test_an_answer_streams_back_chunk_by_chunk_and_is_acknowledged_once_written() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(question("若琪帮我写一首诗"))
            response = await glasses.receive_head()
            assert response.status_code == 200
            assert await glasses.receive_event() == ": connected"
            [command] = await bot.wait_for_commands()
            assert command.params.message == "若琪帮我写一首诗"
            turn = command.session_id
            bot.say(StreamChunk(turn, "湖光", 0))
            assert '"湖光"' in await glasses.receive_event()
            await bot.wait_for_acknowledged(1)
            bot.say(StreamChunk(turn, "秋月", 1))
            assert '"秋月"' in await glasses.receive_event()
            bot.say(StreamEnd(turn), summary_of(turn, "湖光", "秋月"))
            assert_whole(await glasses.receive_answer(), "")
    assert bot.acknowledged == [(turn, 0), (turn, 1)]
    assert bot.cancelled == []
    assert gateway.switchboard.open_turns == 0
    assert [trace.outcome for trace in gateway.traces] == [Outcome.ANSWERED]


async def test_the_exact_bytes_of_an_answer_are_those_of_the_protocol() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            head = await glasses.receive_head()
            [command] = await bot.wait_for_commands()
            bot.answer(command.session_id, "你好")
            body = await glasses.receive_body()
    headers = dict(head.headers)
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-cache, no-transform"
    assert headers[b"x-accel-buffering"] == b"no"
    assert headers[b"transfer-encoding"] == b"chunked"
    ids = '"message_id":"1021","agent_id":"1"'
    assert body.decode() == (
        ": connected\n\n"
        'event: message\ndata: {"role":"agent","type":"answer","answer_stream":"你好",'
        f'{ids},"is_finish":false}}\n\n'
        'event: message\ndata: {"role":"agent","type":"answer","answer_stream":"",'
        f'{ids},"is_finish":true}}\n\n'
        f'event: done\ndata: {{"role":"agent","type":"answer",{ids},"is_finish":true}}\n\n'
    )


async def test_an_offline_bot_is_answered_for_at_once(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with gateway.glasses() as glasses:
        began = trio.current_time()
        await glasses.send()
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), OFFLINE)
        assert trio.current_time() == began
    assert gateway.traces[0].outcome is Outcome.OFFLINE


async def test_a_bot_with_an_old_heartbeat_is_offline(autojump_clock: MockClock) -> None:
    gateway = Gateway(patience=Patience(presence_timeout=300))
    bot = gateway.bot()
    with bot.station.attached(bot):
        await trio.sleep(299)
        assert gateway.switchboard.is_online(1)
        await trio.sleep(1)
        assert not gateway.switchboard.is_online(1)
        bot.station.heard(bot)
        assert gateway.switchboard.is_online(1)


async def test_a_silent_bot_is_apologised_for_after_exactly_the_idle_timeout(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            await glasses.receive_head()
            began = trio.current_time()
            blocks = await glasses.receive_answer()
            assert trio.current_time() == began + 60
    assert_whole(blocks, SILENT)
    # Keep-alive comments every seven seconds: 7, 14, … 56.
    assert [block for block in blocks if block.startswith(":")] == [
        ": connected",
        *[": keep-alive"] * 8,
    ]
    assert gateway.traces[0].outcome is Outcome.TIMEOUT
    assert len(bot.cancelled) == 1


async def test_the_idle_time_counts_silence_and_not_the_whole_answer(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    pieces = [f"第{n}句。" for n in range(10)]
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            for n, piece in enumerate(pieces):
                await trio.sleep(59)
                bot.say(StreamChunk(command.session_id, piece, n))
            bot.say(StreamEnd(command.session_id), summary_of(command.session_id, *pieces))
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "".join(pieces))


async def test_a_heartbeat_is_no_word_of_the_turn(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses, trio.open_nursery() as nursery:

            async def beat() -> None:
                while True:
                    await trio.sleep(5)
                    bot.station.heard(bot)

            nursery.start_soon(beat)
            await glasses.send()
            began = trio.current_time()
            await glasses.receive_head()
            assert spoken(await glasses.receive_answer()) == SILENT
            assert trio.current_time() == began + 60
            nursery.cancel_scope.cancel()


async def test_a_hang_up_before_the_first_chunk_ends_the_turn_and_tells_the_bot(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        began = trio.current_time()
        async with gateway.glasses() as glasses:
            await glasses.send()
            await bot.wait_for_commands()
        await bot.wait_for_cancel()
        assert trio.current_time() == began
    assert gateway.switchboard.open_turns == 0
    assert gateway.front_door.open_connections == 0
    assert gateway.traces[0].outcome is Outcome.CANCELLED


async def test_a_hang_up_during_the_answer_ends_the_turn_and_tells_the_bot() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            bot.say(StreamChunk(command.session_id, "半", 0))
            await glasses.receive_head()
            await glasses.receive_event()
            await glasses.receive_event()
        await bot.wait_for_cancel()
        assert bot.cancelled == [command.session_id]
        # A chunk that comes late all the same is acknowledged and goes nowhere.
        bot.say(StreamChunk(command.session_id, "句", 1))
        assert bot.acknowledged == [(command.session_id, 0), (command.session_id, 1)]
    assert gateway.switchboard.open_turns == 0
    assert gateway.front_door.open_connections == 0


async def test_two_questions_on_one_connection_are_two_turns_of_one_conversation() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            for n, text in enumerate(("一", "二")):
                await glasses.send(question(text))
                command = (await bot.wait_for_commands(n + 1))[n]
                bot.answer(command.session_id, f"答{text}")
                await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), f"答{text}")
    first, second = bot.commands
    assert first.session_id != second.session_id
    assert first.metadata.openclaw_session_id == second.metadata.openclaw_session_id == "bot_1"


async def test_the_late_end_of_one_turn_does_not_end_the_next() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [first] = await bot.wait_for_commands()
            bot.answer(first.session_id, "一")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "一")
            await glasses.send()
            _, second = await bot.wait_for_commands(2)
            bot.say(StreamEnd(first.session_id), StreamChunk(first.session_id, "旧", 1))
            bot.answer(second.session_id, "二")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "二")


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
    assert [trace.anomalies for trace in gateway.traces] == [[Anomaly.FOREIGN]]
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
