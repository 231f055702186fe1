"""Who may read a turn over the cable, and who is shown out."""

from __future__ import annotations

import pytest
import structlog
import trio
import trio.testing
from fakes import KEY, LIMITED_KEY, TOKEN, question
from stream_workers import answering, open_worker
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, ConnectionRejected
from worker_fakes import OTHER_KEY, WorkerGateway, stream_identifier, text_of

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.throttle import FAILURES
from eyeclaw_trio.relay.turn_log import KEPT_FOR
from eyeclaw_trio.server import stream_channel
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster
from eyeclaw_trio.server.stream_channel import SUBSCRIBES_WITHIN, SUBSCRIPTIONS

UNAUTHORIZED = {"type": "disconnect", "reason": "unauthorized", "reconnect": False}


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


async def test_row_36_turns_that_are_followed_are_shared_by_keys_and_free_again_behind_their_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_channel, "FOLLOWED", 3)
    gateway = WorkerGateway()
    async with answering(gateway, capacity=4) as bot, open_worker(gateway) as worker:
        assert await worker.receive() == {"type": "welcome"}
        mine = [stream_identifier(await gateway.turn()) for _ in range(3)]
        for identifier in mine[:2]:
            await worker.subscribe(identifier)
            await worker.expect_confirmation(identifier)
        await worker.subscribe(mine[2])
        await worker.expect_rejection(mine[2])
        async with open_worker(gateway) as other:
            assert await other.receive() == {"type": "welcome"}
            others = stream_identifier(await gateway.turn(key=OTHER_KEY), key=OTHER_KEY)
            await other.subscribe(others)
            await other.expect_confirmation(others)
            bot.answer(bot.commands[0].session_id, "完")
            assert text_of(await worker.receive_rest(mine[0])) == "完"
        await trio.testing.wait_all_tasks_blocked()
        await worker.subscribe(mine[2])
        await worker.expect_confirmation(mine[2])


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
        await Revocation(gateway.switchboard, roster).enforce(gateway.directory)
        assert await by_query.receive() == UNAUTHORIZED
        await only.expect_rejection(mine)
        assert await only.receive() == UNAUTHORIZED
        await both.expect_rejection(mine)
        await bot.wait_for_cancel()
        bot.answer(other, "健康")
        assert text_of(await both.receive_rest(healthy)) == "健康"
        await both.subscribe(mine)
        await both.expect_rejection(mine)
