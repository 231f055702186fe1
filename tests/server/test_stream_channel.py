"""RokidStreamChannel on `/cable` over memory streams (PROTOCOL 3; RELIABILITY 24, 30)."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing
from fakes import FAILED, KEY
from stream_workers import answering, open_worker
from worker_fakes import WorkerGateway, stream_identifier, text_of

from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd


@pytest.mark.parametrize(
    ("query", "named"),
    [("", KEY), (f"?access_key={KEY}", KEY), (f"?access_key={KEY}", None)],
    ids=["in the identifier", "in both", "in the query"],
)
async def test_what_was_said_before_the_worker_came_is_replayed_and_then_it_goes_on(
    query: str, named: str | None
) -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        bot.say(StreamChunk(turn, "湖光", 0), StreamChunk(turn, "秋月", 1))
        await bot.wait_for_acknowledged(2)
        identifier = stream_identifier(turn, key=named)
        async with open_worker(gateway, query) as worker:
            assert await worker.receive() == {"type": "welcome"}
            await worker.subscribe(identifier)
            connected = await worker.expect_confirmation(identifier)
            assert connected.pop("timestamp").endswith("+00:00")
            assert connected == {
                "type": "connected",
                "bot_id": 1,
                "session_id": turn,
                "channel": "RokidStreamChannel",
            }
            for n, text in enumerate(("湖光", "秋月", "两相和")):
                if n == 2:
                    bot.say(StreamChunk(turn, text, n))
                assert await worker.receive() == {
                    "identifier": identifier,
                    "message": {
                        "type": "stream_chunk",
                        "content": text,
                        "sequence": n,
                        "session_id": turn,
                    },
                }
            bot.say(StreamEnd(turn))
            last = (await worker.receive())["message"]
            assert last == {"type": "stream_end", "session_id": turn}
    assert gateway.front_door.open_connections == 0
    assert gateway.workers.count == 0


async def test_a_failure_comes_as_the_wearers_text() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        bot.say(StreamEnd(turn))
        async with open_worker(gateway) as worker:
            [last] = await worker.follow(stream_identifier(turn))
            assert last == {"type": "stream_error", "error": FAILED, "session_id": turn}


async def test_the_identifier_comes_back_byte_for_byte_and_is_confirmed_once() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        strange = (
            f'{{ "session_id":"{turn}", "x":"\\u4f60", "bot_id" :"1",'
            f' "channel":"RokidStreamChannel","access_key":"{KEY}"}}'
        )
        async with open_worker(gateway) as worker:
            assert await worker.receive() == {"type": "welcome"}
            for _ in range(3):
                await worker.subscribe(strange)
            await worker.expect_confirmation(strange)
            bot.answer(turn, "一次")
            assert text_of(await worker.receive_rest(strange)) == "一次"
            # Also when the turn is over, until it is left; then it is replayed.
            await worker.subscribe(strange)
            await worker.send({"command": "unsubscribe", "identifier": strange})
            await worker.subscribe(strange)
            await worker.expect_confirmation(strange)
            assert text_of(await worker.receive_rest(strange)) == "一次"


async def test_a_subscription_that_is_left_is_silent() -> None:
    gateway = WorkerGateway()
    async with answering(gateway, capacity=2) as bot:
        left, kept = [stream_identifier(await gateway.turn()) for _ in range(2)]
        async with open_worker(gateway) as worker:
            assert await worker.receive() == {"type": "welcome"}
            for identifier in (left, kept):
                await worker.subscribe(identifier)
                await worker.expect_confirmation(identifier)
            await worker.send({"command": "unsubscribe", "identifier": left})
            for command in await bot.wait_for_commands(2):
                bot.answer(command.session_id, "说了")
            assert text_of(await worker.receive_rest(kept)) == "说了"
            await worker.send({"command": "message", "identifier": kept, "data": '{"type":"ping"}'})
            assert (await worker.receive())["message"]["type"] == "pong"


async def test_one_connection_follows_several_turns_and_many_follow_one() -> None:
    gateway = WorkerGateway()
    async with answering(gateway, capacity=3) as bot:
        turns = [await gateway.turn() for _ in range(3)]
        read: list[str] = []

        async def follow_all() -> None:
            async with open_worker(gateway) as worker:
                assert await worker.receive() == {"type": "welcome"}
                texts: dict[str, str] = {}
                ended = 0
                for turn in turns:
                    await worker.subscribe(stream_identifier(turn))
                while ended < 3:
                    frame = await worker.receive()
                    message = frame.get("message", {})
                    if message.get("type") == "stream_chunk":
                        name = frame["identifier"]
                        texts[name] = texts.get(name, "") + message["content"]
                    ended += message.get("type") == "stream_end"
                read.extend(texts[stream_identifier(turn)] for turn in turns)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(follow_all)
            await bot.wait_for_commands(3)
            for n in range(10):
                for turn in turns:
                    bot.say(StreamChunk(turn, f"{turns.index(turn)}.{n} ", n))
                await trio.testing.wait_all_tasks_blocked()
            for turn in turns:
                bot.say(StreamEnd(turn))
        expected = ["".join(f"{which}.{n} " for n in range(10)) for which in range(3)]
        assert read == expected * 4


async def test_a_ping_is_answered_and_a_bare_pong_is_ignored() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as _:
        identifier = stream_identifier(await gateway.turn())
        async with open_worker(gateway) as worker:
            assert await worker.receive() == {"type": "welcome"}
            await worker.subscribe(identifier)
            await worker.expect_confirmation(identifier)
            for _ in range(30):
                await worker.send({"type": "pong"})
            for name in ("action", "type"):
                data = json.dumps({name: "ping"})
                await worker.send({"command": "message", "identifier": identifier, "data": data})
                frame = await worker.receive()
                assert frame["identifier"] == identifier
                assert frame["message"].pop("timestamp")
                assert frame["message"] == {"type": "pong"}
