"""What one key makes the gateway keep is counted, whatever it is (RELIABILITY 35)."""

from __future__ import annotations

import gc
import json

import pytest
import trio.testing
from chat_exchange import asked
from chat_fakes import DONE, ChatGateway
from fakes import KEY, TOKEN, Gateway
from stream_workers import answering, open_worker
from worker_fakes import WorkerGateway, poll_target, stream_identifier

from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.wire.newcomers import PLAIN, POLL, SOCKET
from eyeclaw_trio.wire.websocket import ServerSocket

AUTHORIZED = f"Host: x\r\nAuthorization: Bearer {KEY}\r\n"
UPGRADE = (
    f"GET /ws/stream/two HTTP/1.1\r\n{AUTHORIZED}Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()
ASKING = f"GET /nowhere HTTP/1.1\r\n{AUTHORIZED}\r\n".encode()


def allow(gateway: Gateway, size: int) -> Shares:
    """A key alone may have so many bytes of this gateway's memory."""
    memory = gateway.front_door.newcomers.memory = Shares(2 * size)
    return memory


async def test_a_chat_costs_more_than_a_request_and_one_too_many_is_told_to_come_later() -> None:
    gateway = ChatGateway()
    memory = allow(gateway, 2 * PLAIN + SOCKET)
    async with gateway.client("one"):
        assert memory.of(1) == PLAIN + SOCKET
        async with gateway.glasses() as glasses:
            await glasses.stream.send_all(UPGRADE)
            assert (await glasses.receive_head()).status_code == 503
            told = json.loads(await glasses.receive_body())
            assert told["error"] == "Too many connections with this key"
        assert memory.of(1) == PLAIN + SOCKET
    assert memory.taken == 0


async def test_the_texts_of_chats_that_are_being_answered_are_counted_together() -> None:
    gateway = ChatGateway()
    questions = gateway.reception.questions
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client("one") as first, gateway.client("two") as second:
            questions.limit = 2_000
            turn = await asked(first, model, "你" * 300)
            assert questions.of(1) == 900
            await second.ask("x" * 300)
            assert await second.error("too_much") == "Too much at once"
            model.answer(turn, "好")
            assert await first.answer() == (["好"], DONE)
            await trio.testing.wait_all_tasks_blocked()
            assert questions.taken == 0
            turn = await asked(second, model, "x" * 300)
            model.answer(turn, "好")
            assert await second.answer() == (["好"], DONE)


async def test_a_poll_that_waits_is_counted_as_long_as_it_does() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        memory = allow(gateway, PLAIN + POLL)
        async with gateway.glasses() as first, gateway.glasses() as second:
            await first.send(method="GET", target=poll_target(turn))
            await trio.testing.wait_all_tasks_blocked()
            assert memory.of(1) == PLAIN + POLL
            await second.send(method="GET", target=poll_target(turn))
            assert (await second.receive_head()).status_code == 503
            bot.answer(turn, "好")
            assert (await first.receive_head()).status_code == 200
            await first.receive_body()
            assert memory.of(1) == PLAIN
        assert memory.taken == 0


async def test_each_turn_that_a_worker_follows_is_counted() -> None:
    gateway = WorkerGateway()
    async with answering(gateway):
        turn = await gateway.turn()
        memory = allow(gateway, PLAIN + SOCKET + 20_000)
        async with open_worker(gateway, f"?access_key={KEY}") as worker:
            assert await worker.receive() == {"type": "welcome"}
            identifiers = [stream_identifier(turn) + " " * count for count in range(4)]
            for identifier in identifiers[:3]:
                await worker.subscribe(identifier)
                await worker.expect_confirmation(identifier)
            await worker.subscribe(identifiers[3])
            await worker.expect_rejection(identifiers[3])
            await worker.send({"command": "unsubscribe", "identifier": identifiers[0]})
            await worker.subscribe(identifiers[3])
            await worker.expect_confirmation(identifiers[3])
        assert memory.taken == 0


async def test_half_a_head_behind_a_key_is_counted_and_too_much_of_it_is_refused() -> None:
    gateway = Gateway()
    memory = allow(gateway, PLAIN + 10_000)
    async with gateway.glasses() as glasses:
        await glasses.send()  # whose bot is away
        assert (await glasses.receive_head()).status_code == 200
        await glasses.receive_body()
        assert memory.of(1) == PLAIN
        await glasses.stream.send_all(ASKING[:-2] + b"X: " + b"x" * 2_000)
        await trio.testing.wait_all_tasks_blocked()
        held = memory.of(1) - PLAIN
        assert 8_000 < held < 10_000
        await glasses.stream.send_all(b"\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        assert memory.of(1) == PLAIN
        await glasses.stream.send_all(ASKING[:-2] + b"X: " + b"x" * 12_000)
        received = b""
        while data := await glasses.stream.receive_some():
            received += data
        assert b"HTTP/1.1 503 " in received
    assert memory.taken == 0


@pytest.mark.parametrize("door", ["chat", "bot", "worker"])
async def test_a_socket_that_is_over_is_gone_without_a_collection_of_garbage(door: str) -> None:
    """Collections are rare here: what lived for long and is in a circle would stay for ever."""
    gateway = WorkerGateway() if door != "chat" else ChatGateway()
    gc.collect()
    gc.disable()
    try:
        before = sum(type(each) is ServerSocket for each in gc.get_objects())
        if isinstance(gateway, ChatGateway):
            async with gateway.client():
                pass
        else:
            query = f"?access_key={KEY}" if door == "worker" else f"?sdk_token={TOKEN}&bot_id=1"
            async with gateway.sdk(query):
                pass
        await trio.testing.wait_all_tasks_blocked()
        assert sum(type(each) is ServerSocket for each in gc.get_objects()) == before
    finally:
        gc.enable()
