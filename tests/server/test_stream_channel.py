"""RokidStreamChannel on `/cable` over memory streams (PROTOCOL 3; RELIABILITY 24, 30)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import structlog
import trio
import trio.testing
from fakes import FAILED, KEY, LIMITED_KEY, TOKEN, FakeBot, question
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, ConnectionRejected, wrap_client_stream
from worker_fakes import OTHER_KEY, WorkerGateway, WorkerPeer, stream_identifier, text_of

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.throttle import FAILURES
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd
from eyeclaw_trio.relay.turn_log import KEPT_FOR
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster
from eyeclaw_trio.server.stream_channel import SUBSCRIBES_WITHIN, SUBSCRIPTIONS
from eyeclaw_trio.wire.outbox import OUTBOX_LIMIT

UNAUTHORIZED = {"type": "disconnect", "reason": "unauthorized", "reconnect": False}


@asynccontextmanager
async def open_worker(gateway: WorkerGateway, query: str = "") -> AsyncIterator[WorkerPeer]:
    async with gateway.sdk(query) as sdk:
        yield WorkerPeer(sdk.socket)


@asynccontextmanager
async def answering(gateway: WorkerGateway, **fields: Any) -> AsyncIterator[FakeBot]:
    """A gateway that takes triggers, and its bot 1."""
    bot = gateway.bot(**fields)
    with bot.station.attached(bot):
        async with gateway.open():
            yield bot


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


# ---- who may read -------------------------------------------------------------------------------


async def test_row_24_whatever_may_not_be_read_is_rejected_alike(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    other = gateway.bot(2)
    with other.station.attached(other):
        async with answering(gateway) as bot:
            turn = await gateway.turn()
            foreign = await gateway.turn(body=question(bot_id=2))
            async with open_worker(gateway, f"?access_key={LIMITED_KEY}") as worker:
                assert await worker.receive() == {"type": "welcome"}
                for identifier in (
                    stream_identifier("0" * 32),
                    stream_identifier(turn, key=OTHER_KEY),
                    stream_identifier(turn, key=LIMITED_KEY),
                    stream_identifier(turn, key=None),  # the connection's, which is another's
                    stream_identifier(turn, key="ak_wrong"),
                    stream_identifier(turn, key=""),
                    stream_identifier(turn, bot_id=2),
                    stream_identifier(turn, bot_id=99),
                    stream_identifier(turn, bot_id="x"),
                    stream_identifier(foreign, bot_id=2, key=LIMITED_KEY),
                    '{"channel":"BotChannel","bot_id":"1"}',
                    '{"channel":"RokidStreamChannel"}',
                    "no json",
                ):
                    await worker.subscribe(identifier)
                    await worker.expect_rejection(identifier)
            bot.answer(turn, "完")
            await trio.sleep(KEPT_FOR + 1)
            async with open_worker(gateway) as worker:
                assert await worker.receive() == {"type": "welcome"}
                await worker.subscribe(stream_identifier(turn))
                await worker.expect_rejection(stream_identifier(turn))


async def test_a_bots_link_cannot_follow_turns_and_a_workers_cannot_be_a_bot() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as _:
        identifier = stream_identifier(await gateway.turn())
        async with open_worker(gateway, f"?sdk_token={TOKEN}&bot_id=1") as bot:
            assert await bot.receive() == {"type": "welcome"}
            await bot.subscribe(identifier)
            await bot.expect_rejection(identifier)


async def test_who_comes_without_credentials_and_does_not_subscribe_is_shown_out_after_10_seconds(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as _:
        wrong = stream_identifier("0" * 32)
        async with open_worker(gateway) as idle:
            began = trio.current_time()
            assert await idle.receive() == {"type": "welcome"}
            await idle.subscribe(wrong)  # which is no subscription
            await idle.expect_rejection(wrong)
            assert await idle.receive() == UNAUTHORIZED
            assert trio.current_time() - began == SUBSCRIBES_WITHIN == 10.0
            with pytest.raises(ConnectionClosed):
                await idle.receive()
        identifier = stream_identifier(await gateway.turn())
        for query, subscribes in (("", True), (f"?access_key={KEY}", False)):
            async with open_worker(gateway, query) as worker:
                assert await worker.receive() == {"type": "welcome"}
                if subscribes:
                    await worker.subscribe(identifier)
                    await worker.expect_confirmation(identifier)
                with trio.move_on_after(20):
                    await worker.receive()
                assert worker.socket.closed is None


async def test_wrong_keys_count_at_the_gate_and_too_many_end_the_connection() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        async with open_worker(gateway) as worker:
            assert await worker.receive() == {"type": "welcome"}
            for n in range(FAILURES):
                wrong = stream_identifier(turn, key=f"ak_wrong-{n}")
                await worker.subscribe(wrong)
                await worker.expect_rejection(wrong)
            last = stream_identifier(turn, key="ak_one-too-many")
            await worker.subscribe(last)
            await worker.expect_rejection(last)
            assert await worker.receive() == UNAUTHORIZED
        too_many = pytest.RaisesExc(ConnectionRejected, check=lambda each: each.status_code == 429)
        with pytest.RaisesGroup(too_many, flatten_subgroups=True):
            async with open_worker(gateway, "?access_key=ak_wrong"):
                pass
        # A good key opens, whatever came before it from there.
        async with open_worker(gateway) as worker:
            bot.answer(turn, "好")
            assert text_of(await worker.follow(stream_identifier(turn))) == "好"


async def test_malformed_frames_end_the_connection_as_on_every_link() -> None:
    gateway = WorkerGateway()
    async with open_worker(gateway, f"?access_key={KEY}") as worker:
        assert await worker.receive() == {"type": "welcome"}
        for _ in range(20):
            await worker.socket.send_message("no json")
        assert (await worker.receive())["reason"] == "invalid_request"


async def test_an_endless_identifier_is_malformed_and_not_said_again() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as _:
        identifier = stream_identifier(await gateway.turn())
        async with open_worker(gateway) as worker:
            assert await worker.receive() == {"type": "welcome"}
            with structlog.testing.capture_logs() as logs:
                await worker.subscribe(identifier + " " * 2_000)
                await worker.subscribe(identifier)
                await worker.expect_confirmation(identifier)
    [line] = [each for each in logs if each["event"] == "worker.malformed"]
    assert line["faults"] == {"identifier": "must be at most 1024 characters"}
    assert line["log_level"] == "info"


async def test_subscriptions_are_bounded_and_those_that_are_over_make_room() -> None:
    gateway = WorkerGateway(limits=Limits(queued_turns=1_000))
    async with answering(gateway, capacity=1_000) as bot, open_worker(gateway) as worker:
        assert await worker.receive() == {"type": "welcome"}
        identifiers = [stream_identifier(await gateway.turn()) for _ in range(SUBSCRIPTIONS + 1)]
        for identifier in identifiers[:-1]:
            await worker.subscribe(identifier)
            await worker.expect_confirmation(identifier)
        await worker.subscribe(identifiers[-1])
        await worker.expect_rejection(identifiers[-1])
        bot.answer(bot.commands[0].session_id, "完")
        assert text_of(await worker.receive_rest(identifiers[0])) == "完"
        await trio.testing.wait_all_tasks_blocked()
        await worker.subscribe(identifiers[-1])
        await worker.expect_confirmation(identifiers[-1])


async def test_row_30_a_revoked_key_ends_its_subscriptions_and_connections_and_no_others() -> None:
    gateway = WorkerGateway()
    async with (
        answering(gateway, capacity=2) as bot,
        open_worker(gateway, f"?access_key={KEY}") as by_query,
        open_worker(gateway) as only,
        open_worker(gateway) as both,
    ):
        turn, other = await gateway.turn(), await gateway.turn(key=OTHER_KEY)
        mine, healthy = stream_identifier(turn), stream_identifier(other, key=OTHER_KEY)
        for worker in (by_query, only, both):
            assert await worker.receive() == {"type": "welcome"}
        for worker, identifier in ((only, mine), (both, mine), (both, healthy)):
            await worker.subscribe(identifier)
            await worker.expect_confirmation(identifier)
        await bot.wait_for_commands(2)
        gateway.revoke(1)
        roster = Roster(gateway.answers, gateway.links, workers=gateway.workers)
        Revocation(gateway.switchboard, roster).enforce(gateway.directory)
        assert await by_query.receive() == UNAUTHORIZED
        await only.expect_rejection(mine)
        assert await only.receive() == UNAUTHORIZED
        await both.expect_rejection(mine)
        await bot.wait_for_cancel()
        bot.answer(other, "健康")
        assert text_of(await both.receive_rest(healthy)) == "健康"
        await both.subscribe(mine)
        await both.expect_rejection(mine)


# ---- stopping, and readers that are slow --------------------------------------------------------


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


async def test_an_answer_larger_than_any_outbox_is_replayed_whole_at_the_readers_pace() -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        pieces = await say_at_length(gateway, bot, turn)
        identifier = stream_identifier(turn)
        ours, theirs = trio.testing.lockstep_stream_pair()
        async with gateway.services_running(), trio.open_nursery() as nursery:
            nursery.start_soon(gateway.front_door.serve_connection, theirs)
            socket = await wrap_client_stream(
                nursery, cast(trio.SocketStream, ours), "gateway.example", "/cable"
            )
            worker = WorkerPeer(socket)
            assert await worker.receive() == {"type": "welcome"}
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
            await trio.aclose_forcefully(ours)
            nursery.cancel_scope.cancel()


async def test_a_worker_that_reads_nothing_holds_up_nobody_and_is_told_when_all_is_forgotten(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        pieces = await say_at_length(gateway, bot, turn)
        identifier = stream_identifier(turn)
        ours, theirs = trio.testing.lockstep_stream_pair()
        async with gateway.services_running(), trio.open_nursery() as nursery:
            nursery.start_soon(gateway.front_door.serve_connection, theirs)
            socket = await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, ours),
                "gateway.example",
                "/cable",
                message_queue_size=0,
            )
            slow = WorkerPeer(socket)
            assert await slow.receive() == {"type": "welcome"}
            await slow.subscribe(identifier)
            await slow.expect_confirmation(identifier)
            assert (await slow.receive())["message"]["sequence"] == 0
            await trio.testing.wait_all_tasks_blocked()
            async with open_worker(gateway) as worker:
                assert text_of(await worker.follow(identifier)) == "".join(pieces)
            for _ in range(round(KEPT_FOR) + 1):
                await slow.send({"type": "pong"})  # alive, or it would be taken for half-open
                await trio.sleep(1)
            assert len(gateway.turns) == 0
            # What was under way still comes, and behind it the word that there is no more.
            sequence = 1
            while "message" in (frame := await slow.receive()):
                assert frame["message"]["sequence"] == sequence
                sequence += 1
            assert sequence < 10
            assert frame == {"identifier": identifier, "type": "reject_subscription"}
            await trio.aclose_forcefully(ours)
            nursery.cancel_scope.cancel()


async def test_a_worker_that_takes_the_end_late_is_not_told_that_the_turn_is_gone(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    async with answering(gateway) as bot:
        turn = await gateway.turn()
        bot.answer(turn, "好")
        await wait_until_logged(gateway)
        identifier, unknown = stream_identifier(turn), stream_identifier("unknown")
        ours, theirs = trio.testing.lockstep_stream_pair()
        async with gateway.services_running(), trio.open_nursery() as nursery:
            nursery.start_soon(gateway.front_door.serve_connection, theirs)
            socket = await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, ours),
                "gateway.example",
                "/cable",
                message_queue_size=0,
            )
            slow = WorkerPeer(socket)
            assert await slow.receive() == {"type": "welcome"}
            await slow.subscribe(unknown)
            await trio.testing.wait_all_tasks_blocked()
            await slow.subscribe(identifier)  # what it is told waits behind the rejection
            for _ in range(round(KEPT_FOR) + 1):
                await slow.send({"type": "pong"})  # alive, or it would be taken for half-open
                await trio.sleep(1)
            assert len(gateway.turns) == 0
            await slow.expect_rejection(unknown)
            await slow.expect_confirmation(identifier)
            assert text_of(await slow.receive_rest(identifier)) == "好"
            await slow.subscribe(unknown)
            await slow.expect_rejection(unknown)  # and nothing before it
            await trio.aclose_forcefully(ours)
            nursery.cancel_scope.cancel()
