"""The heart in virtual time: one question out, one answer back, and nothing left behind."""

from __future__ import annotations

import gc

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from fakes import OFFLINE, SILENT, Gateway, assert_whole, question, spoken
from trio.testing import MockClock

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd
from eyeclaw_trio.wire.http_connection import HttpConnection


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
        bot.station.heard(bot, trio.current_time())
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
                    bot.station.heard(bot, trio.current_time())

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


@pytest.mark.parametrize("pieces", [("好",), ()], ids=["whole", "failed"])
async def test_nothing_of_an_answer_waits_for_the_collector(pieces: tuple[str, ...]) -> None:
    """A failure that was raised remembers where, and would keep the whole connection."""
    gateway = Gateway()
    bot = gateway.bot()
    gc.collect()
    gc.disable()
    try:
        with bot.station.attached(bot):
            async with gateway.glasses() as glasses:
                await glasses.send()
                [command] = await bot.wait_for_commands()
                bot.answer(command.session_id, *pieces)
                await glasses.receive_head()
                await glasses.receive_answer()
        left = [each for each in gc.get_objects() if isinstance(each, (Answer, HttpConnection))]
        assert left == []
    finally:
        gc.enable()
