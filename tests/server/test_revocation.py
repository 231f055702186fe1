"""RELIABILITY 30: what hangs on a revoked key or token ends, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from asking_gate import AskingGate
from cable_fakes import CableGateway
from fakes import FAILED, LIMITED_KEY, Glasses, assert_whole, make_bot, question, spoken
from trio_websocket import ConnectionClosed

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster


def revocation_of(gateway: CableGateway) -> Revocation:
    return Revocation(gateway.switchboard, Roster(gateway.answers, gateway.links))


async def test_row_30_an_answer_on_a_revoked_key_ends_and_others_go_on() -> None:
    gateway = CableGateway()
    bot, other = gateway.bot(1), gateway.bot(2)
    with bot.station.attached(bot), other.station.attached(other):
        async with gateway.glasses() as glasses, gateway.glasses() as limited:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            await limited.send(question(agent_id="2"), key=LIMITED_KEY)
            [healthy] = await other.wait_for_commands()
            bot.say(StreamChunk(command.session_id, "半句", 0))
            await bot.wait_for_acknowledged(1)
            first, second = gateway.directory.keys
            gateway.directory = attrs.evolve(
                gateway.directory, keys=(attrs.evolve(first, is_active=False), second)
            )
            await revocation_of(gateway).enforce(gateway.directory)
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "半句" + FAILED)
            other.answer(healthy.session_id, "健康")
            await limited.receive_head()
            assert_whole(await limited.receive_answer(), "健康")
    ends = [(trace.outcome, trace.reason) for trace in gateway.traces]
    assert ends == [(Outcome.REJECTED, "key_revoked"), (Outcome.ANSWERED, "")]
    assert bot.cancelled == [command.session_id]


async def test_row_36_what_hangs_on_one_key_is_ended_some_at_a_time() -> None:
    """Nothing of it is told before the others had their turn, and new ones are not waited for."""
    gateway, gate = CableGateway(), AskingGate()
    bot = gateway.bot(capacity=2)
    revocation = attrs.evolve(revocation_of(gateway), pace=gate.wait_as)
    async with trio.open_nursery() as nursery, gateway.glasses() as one, gateway.glasses() as two:
        with bot.station.attached(bot):
            await one.send()
            await two.send()
            turns = [each.session_id for each in await bot.wait_for_commands(2)]
            nursery.start_soon(revocation.enforce, Directory((), gateway.directory.bots))
            await trio.testing.wait_all_tasks_blocked()
            assert (gate.asked, bot.cancelled) == (1, [])
            gate.opened.set()
            for glasses in (one, two):
                await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), FAILED)
    assert (gate.asked, sorted(bot.cancelled)) == (2, sorted(turns))


@pytest.mark.parametrize("passes", range(8))
async def test_a_turn_that_is_revoked_with_its_last_word_ends_as_its_reader_has_heard(
    passes: int,
) -> None:
    gateway = CableGateway()
    bot = gateway.bot(1)
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            bot.answer(command.session_id, "晴")
            for _ in range(passes):
                await trio.lowlevel.checkpoint()
            gateway.switchboard.revoke_turn(command.session_id)
            await glasses.receive_head()
            said = spoken(await glasses.receive_answer())
    [trace] = gateway.traces
    if said == "晴":
        assert (trace.outcome, trace.reason) == (Outcome.ANSWERED, "")
    else:
        assert (said, trace.outcome, trace.reason) == (
            "晴" + FAILED,
            Outcome.REJECTED,
            "key_revoked",
        )


@pytest.mark.parametrize("change", ["new token", "removed"])
async def test_row_30_a_link_on_a_token_that_is_gone_is_told_so_and_ended(change: str) -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        await sdk.link()
        bots = dict(gateway.directory.bots)
        if change == "removed":
            del bots[1]
        else:
            bots[1] = make_bot(token="bt_another-token")
        gateway.directory = Directory(gateway.directory.keys, bots)
        await revocation_of(gateway).enforce(gateway.directory)
        last = await sdk.receive()
        assert last == {"type": "disconnect", "reason": "unauthorized", "reconnect": False}
        with pytest.raises(ConnectionClosed):
            await sdk.receive()
    assert not gateway.switchboard.is_online(1)


async def test_a_change_of_something_else_ends_nothing() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        await sdk.link()
        await revocation_of(gateway).enforce(
            Directory((), {**gateway.directory.bots, 7: make_bot(7, "new", None)})
        )
        await sdk.say({"action": "ping"})
        assert (await sdk.receive())["message"]["type"] == "pong"


@asynccontextmanager
async def beginning(gateway: CableGateway, passes: int) -> AsyncIterator[Glasses]:
    """A question that has been sent so many passes of the loop ago; leaving nothing behind."""
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses, trio.open_nursery() as nursery:
            nursery.start_soon(glasses.send)
            for _ in range(passes):
                await trio.lowlevel.checkpoint()
            yield glasses
    assert gateway.switchboard.open_turns == gateway.answers.count == 0


async def assert_refused_or_ended(glasses: Glasses, status: int) -> None:
    response = await glasses.receive_head()
    if response.status_code == 200:
        assert_whole(await glasses.receive_answer(), FAILED)
    else:
        assert response.status_code == status


@pytest.mark.parametrize("passes", range(12))
async def test_row_30_a_key_that_is_revoked_while_its_answer_begins_has_none(passes: int) -> None:
    """In whichever pass of the loop it comes: before the question is let in, or after."""
    gateway = CableGateway()
    async with beginning(gateway, passes) as glasses:
        keys = tuple(attrs.evolve(key, is_active=False) for key in gateway.directory.keys)
        gateway.directory = attrs.evolve(gateway.directory, keys=keys)
        await revocation_of(gateway).enforce(gateway.directory)
        await assert_refused_or_ended(glasses, 401)


@pytest.mark.parametrize("passes", range(12))
async def test_row_6_a_question_that_comes_with_the_end_is_refused_or_waited_for(
    passes: int,
) -> None:
    gateway = CableGateway()
    async with beginning(gateway, passes) as glasses:
        gateway.is_draining = True
        if gateway.answers.count:
            gateway.switchboard.end_turns()
        await assert_refused_or_ended(glasses, 503)
