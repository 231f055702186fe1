"""Readers of turns that are slow, and a gateway that stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
import trio.testing
from bot_fakes import FakeBot
from stream_workers import answering, open_worker
from trio.testing import MockClock
from trio_websocket import ConnectionRejected, wrap_client_stream
from worker_fakes import WorkerGateway, WorkerPeer, stream_identifier, text_of

from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd
from eyeclaw_trio.relay.turn_log import KEPT_FOR
from eyeclaw_trio.wire.outbox import OUTBOX_LIMIT


async def test_while_draining_a_worker_may_come_for_a_turn_and_else_nobody() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        gateway.is_draining = True
        with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True):
            async with open_worker(gateway):
                pass
        gateway.is_draining = False
        turn = await gateway.turn()
        gateway.is_draining = True
        async with open_worker(gateway) as worker:
            bot.answer(turn, "还来得及")
            assert text_of(await worker.follow(stream_identifier(turn))) == "还来得及"
            for link in gateway.workers:
                link.disconnect_for_restart()
            assert await worker.receive() == {
                "type": "disconnect",
                "reason": "server_restart",
                "reconnect": True,
            }


async def wait_until_logged(gateway: WorkerGateway) -> None:
    """Return when every running turn is over."""
    with trio.fail_after(10):
        await gateway.answers.wait_for_none()


async def say_at_length(gateway: WorkerGateway, bot: FakeBot, turn: str) -> list[str]:
    """An answer of three megabytes, three times what an outbox may hold."""
    pieces = [f"{n:05}" * 10_000 for n in range(60)]
    assert sum(map(len, pieces)) == 3_000_000 > 2 * OUTBOX_LIMIT
    await bot.wait_for_commands()
    for n, piece in enumerate(pieces):
        bot.say(StreamChunk(turn, piece, n))
        await bot.wait_for_acknowledged(n + 1)
    bot.say(StreamEnd(turn))
    await wait_until_logged(gateway)
    return pieces


@asynccontextmanager
async def slow_worker(
    gateway: WorkerGateway, *, message_queue_size: int = 1
) -> AsyncIterator[WorkerPeer]:
    """A worker to whom nothing goes before it has taken what went before; welcomed."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with gateway.services_running(), trio.open_nursery() as nursery:
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        worker = WorkerPeer(
            await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, ours),
                "gateway.example",
                "/cable",
                message_queue_size=message_queue_size,
            )
        )
        assert await worker.receive() == {"type": "welcome"}
        yield worker
        await trio.aclose_forcefully(ours)
        nursery.cancel_scope.cancel()


async def stay_alive_until_forgotten(gateway: WorkerGateway, worker: WorkerPeer) -> None:
    """Say something for so long, or it would be taken for half-open."""
    for _ in range(round(KEPT_FOR) + 1):
        await worker.send({"type": "pong"})
        await trio.sleep(1)
    assert len(gateway.turns) == 0


async def test_an_answer_larger_than_any_outbox_is_replayed_whole_at_the_readers_pace() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        pieces = await say_at_length(gateway, bot, turn)
        identifier = stream_identifier(turn)
        async with slow_worker(gateway) as worker:
            await worker.subscribe(identifier)
            await worker.subscribe(stream_identifier(turn, bot_id="1"))  # a second one beside it
            await trio.testing.wait_all_tasks_blocked()
            # Both wait for the reader: what is written is one batch of one of them at most.
            texts: dict[str, str] = {}
            ended = 0
            while ended < 2:
                frame = await worker.receive()
                message = frame.get("message", {})
                if message.get("type") == "stream_chunk":
                    name = frame["identifier"]
                    texts[name] = texts.get(name, "") + message["content"]
                ended += message.get("type") == "stream_end"
            assert list(texts.values()) == ["".join(pieces)] * 2


async def test_a_worker_that_reads_nothing_holds_up_nobody_and_is_told_when_all_is_forgotten(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        pieces = await say_at_length(gateway, bot, turn)
        identifier = stream_identifier(turn)
        async with slow_worker(gateway, message_queue_size=0) as slow:
            await slow.subscribe(identifier)
            await slow.expect_confirmation(identifier)
            assert (await slow.receive())["message"]["sequence"] == 0
            await trio.testing.wait_all_tasks_blocked()
            async with open_worker(gateway) as worker:
                assert text_of(await worker.follow(identifier)) == "".join(pieces)
            await stay_alive_until_forgotten(gateway, slow)
            # What was under way still comes, and behind it the word that there is no more.
            sequence = 1
            while "message" in (frame := await slow.receive()):
                assert frame["message"]["sequence"] == sequence
                sequence += 1
            assert sequence < 10
            assert frame == {"identifier": identifier, "type": "reject_subscription"}


async def test_a_worker_that_takes_the_end_late_is_not_told_that_the_turn_is_gone(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        bot.answer(turn, "好")
        await wait_until_logged(gateway)
        identifier, unknown = stream_identifier(turn), stream_identifier("unknown")
        async with slow_worker(gateway, message_queue_size=0) as slow:
            await slow.subscribe(unknown)
            await trio.testing.wait_all_tasks_blocked()
            await slow.subscribe(identifier)  # what it is told waits behind the rejection
            await stay_alive_until_forgotten(gateway, slow)
            await slow.expect_rejection(unknown)
            await slow.expect_confirmation(identifier)
            assert text_of(await slow.receive_rest(identifier)) == "好"
            await slow.subscribe(unknown)
            await slow.expect_rejection(unknown)  # and nothing before it
