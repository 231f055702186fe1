"""A reply whose text is remembered: what its reader has got of the answer, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field

from eyeclaw_trio.core.conversation import OpenExchange
from eyeclaw_trio.core.reply_events import Aside, DeviceAction, FollowUps, KeepAlive, ReplyEvent
from eyeclaw_trio.errors import BotSilent, HungUp, TurnFailed
from eyeclaw_trio.relay.remembered import RememberedReply


@define(eq=False)
class SlowReply:
    """A reply whose writes wait until they may go on, or whose reader has hung up."""

    may_write: trio.Event = field(factory=trio.Event)
    has_hung_up: bool = False
    calls: list[str] = field(factory=list)

    async def open(self) -> None:
        self.calls.append("open")
        await trio.lowlevel.checkpoint()

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        if self.has_hung_up:
            raise HungUp
        return self.may_write.is_set()

    async def drain(self) -> None:
        await self.may_write.wait()
        if self.has_hung_up:
            raise HungUp

    async def finish(self) -> None:
        self.calls.append("finish")
        await trio.lowlevel.checkpoint()

    async def apologise(self, failure: TurnFailed) -> None:
        self.calls.append(f"apologise: {failure.outcome}")
        await trio.lowlevel.checkpoint()


def remembered() -> tuple[SlowReply, RememberedReply, OpenExchange]:
    inner, exchange = SlowReply(), OpenExchange("在吗")
    reply: Any = inner
    return inner, RememberedReply(reply, exchange), exchange


def said(exchange: OpenExchange) -> str:
    return exchange.so_far().answer


async def test_what_was_written_is_remembered_and_what_is_none_of_the_answer_is_not() -> None:
    inner, reply, exchange = remembered()
    inner.may_write.set()
    await reply.open()
    assert reply.send_nowait(["湖", Aside("我看看。"), KeepAlive(), FollowUps(["然后？"]), "光"])
    assert said(exchange) == "湖光"
    assert not exchange.has_acted
    await reply.finish()
    assert inner.calls == ["open", "finish"]


async def test_an_action_alone_is_worth_remembering() -> None:
    inner, reply, exchange = remembered()
    inner.may_write.set()
    assert not exchange.is_worth_keeping
    assert reply.send_nowait([DeviceAction("take_photo", {})])
    assert (exchange.is_worth_keeping, said(exchange)) == (True, "")


async def test_what_waits_for_its_reader_is_remembered_once_it_is_written() -> None:
    inner, reply, exchange = remembered()
    assert not reply.send_nowait(["湖", "光"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply.drain)
        await trio.testing.wait_all_tasks_blocked()
        assert said(exchange) == ""
        inner.may_write.set()
    assert said(exchange) == "湖光"
    await reply.drain()  # nothing waits any more, and nothing is said twice
    assert said(exchange) == "湖光"


async def test_what_was_cut_off_on_its_way_is_not_remembered() -> None:
    _, reply, exchange = remembered()
    assert not reply.send_nowait(["湖"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply.drain)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert said(exchange) == ""


@pytest.mark.parametrize("waits", [False, True])
async def test_what_a_reader_did_not_get_who_has_hung_up_is_not_remembered(waits: bool) -> None:
    inner, reply, exchange = remembered()
    if waits:
        assert not reply.send_nowait(["湖"])
        inner.has_hung_up = True
        inner.may_write.set()
        with pytest.raises(HungUp):
            await reply.drain()
    else:
        inner.has_hung_up = True
        with pytest.raises(HungUp):
            reply.send_nowait(["湖"])
    assert said(exchange) == ""


async def test_an_apology_is_said_and_not_remembered() -> None:
    inner, reply, exchange = remembered()
    await reply.apologise(BotSilent())
    assert inner.calls == [f"apologise: {BotSilent.outcome}"]
    assert not exchange.is_worth_keeping
