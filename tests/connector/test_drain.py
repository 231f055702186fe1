"""A connector that is told to stop, in virtual time: what runs may finish, the rest is said."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import define, field
from connector_fakes import Announcements, Dictated, Gateway, GatewayLink, command
from trio.testing import MockClock, wait_all_tasks_blocked

from eyeclaw_trio.connector.drain import LAST_WORDS, Drain
from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.to_bot import ChunkReceived, RunningTurns

TIMEOUT = 30.0


@define
class Draining:
    """A connector with one link, and what becomes of it."""

    gateway: Gateway
    provider: Dictated
    drain: Drain
    signals: trio.MemorySendChannel[int]
    ended_at: float | None = None
    ended: trio.Event = field(factory=trio.Event)

    async def let_in(self) -> GatewayLink:
        link = await self.gateway.link()
        await link.let_in()
        return link

    async def told_to_stop(self) -> None:
        await self.signals.send(signal.SIGTERM)
        await wait_all_tasks_blocked()


@asynccontextmanager
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Draining]:
    gateway, provider, drain = Gateway(), Dictated(), Drain(TIMEOUT)
    monkeypatch.setattr("eyeclaw_trio.connector.link.open_stream", gateway.open_stream)
    signals, received = trio.open_memory_channel[int](2)
    it = Draining(gateway, provider, drain, signals)

    async def connect() -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(drain.obey, received, inner.cancel_scope)
            await keep_connected(
                gateway.address(),
                provider,
                announce=Announcements(),
                random=lambda: 0.5,
                drain=drain,
            )
            inner.cancel_scope.cancel()
        it.ended_at = trio.current_time()
        it.ended.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.serve_in_memory)
        nursery.start_soon(connect)
        try:
            yield it
        finally:
            nursery.cancel_scope.cancel()


async def ping(link: GatewayLink) -> None:
    while True:
        await trio.sleep(3)
        await link.ping()


async def test_a_running_answer_finishes_and_then_the_connector_ends(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with running(monkeypatch) as it:
        link = await it.let_in()
        await link.say(command())
        it.provider.dictate("你好", "a")
        assert await link.hear_many(1) == [StreamChunk("t1", "a", 0)]
        await it.told_to_stop()
        it.provider.dictate("你好", "b")
        it.provider.finish("你好")
        assert (await link.hear_many(3))[:2] == [StreamChunk("t1", "b", 1), StreamEnd("t1")]
        await it.ended.wait()
        assert it.drain.cut_answers == 0


async def test_no_new_command_is_taken_and_none_is_spoken_of(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """A gateway sends a command of which nothing was said again, to the process that comes next."""
    async with running(monkeypatch) as it:
        link = await it.let_in()
        await link.say(command())
        await it.provider.asked()
        await it.told_to_stop()
        await link.say(command("t2", "later"))
        await wait_all_tasks_blocked()
        it.provider.finish("你好")
        ending = [StreamEnd("t1"), StreamSummary("t1", "", 0, hash_content(""))]
        assert await link.hear_many(2) == ending
        await it.ended.wait()
        assert [question.text for question in it.provider.questions] == ["你好"]


async def test_what_outlasts_the_drain_is_given_up_and_said_at_once(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with running(monkeypatch) as it, trio.open_nursery() as nursery:
        link = await it.let_in()
        nursery.start_soon(ping, link)
        await link.say(command())
        it.provider.dictate("你好", "a")
        await link.hear_many(1)
        began = trio.current_time()
        await it.told_to_stop()
        assert await link.hear() == StreamError("t1", "the connector was stopped", "cut_answer")
        assert trio.current_time() == began + TIMEOUT
        await it.provider.let_go("你好")
        await it.ended.wait()
        assert it.ended_at is not None
        assert it.ended_at <= began + TIMEOUT + LAST_WORDS
        nursery.cancel_scope.cancel()


async def test_one_with_nothing_to_do_ends_at_once_with_and_without_a_link(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    for refuses in (False, True):
        async with running(monkeypatch) as it:
            it.gateway.refuses = refuses
            if not refuses:
                await it.let_in()
            await wait_all_tasks_blocked()
            began = trio.current_time()
            await it.told_to_stop()
            await it.ended.wait()
            assert it.ended_at is not None
            assert it.ended_at <= began + 1


async def test_a_second_signal_ends_it_at_once_and_counts_what_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with running(monkeypatch) as it:
        link = await it.let_in()
        await link.say(command())
        await it.provider.asked()
        began = trio.current_time()
        await it.told_to_stop()
        await it.told_to_stop()
        await it.ended.wait()
        assert (it.drain.cut_answers, it.ended_at) == (1, began)


async def test_an_answer_that_ended_while_the_link_was_down_is_still_said(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with running(monkeypatch) as it:
        link = await it.let_in()
        await link.say(command())
        await it.provider.asked()
        link.cut()
        await it.told_to_stop()
        it.provider.dictate("你好", "a")
        it.provider.finish("你好")
        back = await it.let_in()
        assert (await back.hear_many(3))[0] == StreamChunk("t1", "a", 0)
        await it.ended.wait()


async def test_a_turn_that_another_process_began_is_said_to_be_gone_once(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with running(monkeypatch) as it:
        link = await it.let_in()
        gone = StreamError("t0", "the process that answered it is gone", "cut_answer")
        await link.say(ChunkReceived("t0", 0))
        assert await link.hear() == gone
        await link.say(ChunkReceived("t0", 1))
        await link.say(command())
        it.provider.dictate("你好", "a")
        assert await link.hear() == StreamChunk("t1", "a", 0)


async def test_of_the_running_turns_only_those_that_are_not_known_here_are_said_to_be_gone(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with running(monkeypatch) as it:
        link = await it.let_in()
        await link.say(command())
        it.provider.dictate("你好", "a")
        assert await link.hear() == StreamChunk("t1", "a", 0)
        await link.say(RunningTurns(("t0", "t1")))
        gone = StreamError("t0", "the process that answered it is gone", "cut_answer")
        assert await link.hear() == gone
        it.provider.dictate("你好", "b")
        assert await link.hear() == StreamChunk("t1", "b", 1)


async def test_a_turn_that_is_over_here_is_not_said_to_be_gone(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with running(monkeypatch) as it:
        link = await it.let_in()
        await link.say(command())
        it.provider.dictate("你好", "a")
        it.provider.finish("你好")
        await link.hear_many(3)
        await link.say(ChunkReceived("t1", 0))
        await link.say(command("t2", "more"))
        it.provider.dictate("more", "b")
        assert await link.hear() == StreamChunk("t2", "b", 0)
