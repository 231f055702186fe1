"""The connector's clocks, in virtual time and without sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from connector_fakes import Announcements, Dictated, Gateway, GatewayLink, command
from trio.testing import MockClock, wait_all_tasks_blocked

from eyeclaw_trio.connector.delivery import WINDOW
from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.protocol.bot import Ping, StreamChunk, StreamEnd, StreamError, StreamSummary
from eyeclaw_trio.protocol.cable import WELCOME


@asynccontextmanager
async def connected(
    monkeypatch: pytest.MonkeyPatch, provider: Dictated, said: Announcements
) -> AsyncIterator[Gateway]:
    gateway = Gateway()
    monkeypatch.setattr("eyeclaw_trio.connector.link.open_stream", gateway.open_stream)
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.serve_in_memory)
        connector = partial(keep_connected, announce=said, random=lambda: 0.5)
        nursery.start_soon(connector, gateway.address(), provider)
        try:
            yield gateway
        finally:
            nursery.cancel_scope.cancel()


async def ping_for(link: GatewayLink, seconds: float) -> None:
    """The gateway's pings, every 3 s."""
    with trio.move_on_after(seconds):
        while True:
            await trio.sleep(3)
            await link.ping()


async def test_delays_grow_and_start_over_behind_a_link_that_has_lived(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    said = Announcements()
    async with connected(monkeypatch, Dictated(), said) as gateway:
        gateway.refuses = True
        await trio.sleep(64)
        delays = [event["retry_in_s"] for event in said.of("disconnected")]
        assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        gateway.refuses = False
        for lived, delay in ((30, 30.0), (61, 1.0), (5, 2.0)):
            link = await gateway.link()
            await link.let_in()
            await ping_for(link, lived)
            link.cut()
            await wait_all_tasks_blocked()
            assert said.of("disconnected")[-1]["retry_in_s"] == delay


async def test_a_silent_gateway_is_given_up_after_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    said = Announcements()
    async with connected(monkeypatch, Dictated(), said) as gateway:
        link = await gateway.link()
        await link.let_in()
        await ping_for(link, 100)
        assert not said.of("disconnected")
        heard_last = trio.current_time() - 1  # at 99
        link = await gateway.link()
        # 10 s of silence, and the first delay of 1 s.
        assert trio.current_time() == pytest.approx(heard_last + 11)
        assert said.of("disconnected")[0]["reason"] == "nothing heard from the gateway for 10 s"


@pytest.mark.parametrize("is_welcome", [True, False])
async def test_a_gateway_that_does_not_let_the_bot_in_is_given_up(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, is_welcome: bool
) -> None:
    said = Announcements()
    async with connected(monkeypatch, Dictated(), said) as gateway:
        link = await gateway.link()
        if is_welcome:
            await link.send(WELCOME)
        await ping_for(link, 11)
        [event] = said.events
        assert event["reason"] == "the gateway did not let us in within 10 s"


async def test_a_link_that_is_let_in_in_the_middle_of_a_write_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    said = Announcements()
    async with connected(monkeypatch, Dictated(), said) as gateway:
        link = await gateway.link()
        gateway.on_write = trio.sleep_forever
        await link.let_in()
        gateway.on_write = trio.lowlevel.checkpoint
        await ping_for(link, 11)
        [event] = said.events
        assert event["reason"] == "the gateway did not let us in within 10 s"


async def test_the_bot_says_ping_on_its_channel_every_minute(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with connected(monkeypatch, Dictated(), Announcements()) as gateway:
        link = await gateway.link()
        await link.let_in()
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ping_for, link, 1_000)
            for minutes in (1, 2, 3):
                assert await link.hear() == Ping()
                assert trio.current_time() == pytest.approx(start + 60 * minutes)
            nursery.cancel_scope.cancel()


async def test_an_end_waits_two_seconds_for_acknowledgements_that_do_not_come(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with connected(monkeypatch, provider, Announcements()) as gateway:
        link = await gateway.link()
        await link.let_in()
        await link.say(command())
        provider.dictate("你好", "a")
        provider.finish("你好")
        assert await link.hear() == StreamChunk("t1", "a", 0)
        start = trio.current_time()
        assert await link.hear() == StreamEnd("t1")
        assert trio.current_time() == pytest.approx(start + 2)
        assert isinstance(await link.hear(), StreamSummary)
        assert trio.current_time() == pytest.approx(start + 2)


async def test_an_ending_of_long_ago_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with connected(monkeypatch, provider, Announcements()) as gateway:
        link = await gateway.link()
        await link.let_in()
        await link.say(command())
        provider.dictate("你好", "a")
        provider.finish("你好")
        await link.hear_many(3)
        await ping_for(link, 16)
        link.cut()
        link = await gateway.link()
        await link.let_in()
        await link.say(command("t2", "next"))
        provider.dictate("next", "b")
        assert await link.hear() == StreamChunk("t2", "b", 0)


async def test_a_model_waits_while_too_much_is_unacknowledged(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with connected(monkeypatch, provider, Announcements()) as gateway:
        link = await gateway.link()
        await link.let_in()
        await link.say(command())
        provider.dictate("你好", *["x" * 10_000] * 100)
        provider.finish("你好")
        sent = WINDOW // 10_200 + 1
        heard = await link.hear_many(sent, acknowledge=False)
        await wait_all_tasks_blocked()
        assert 100 - provider.waiting("你好") == sent
        for chunk in heard:
            assert isinstance(chunk, StreamChunk)
            await link.acknowledge(chunk)
        rest = await link.hear_many(100 - sent + 2)
        assert isinstance(rest[-1], StreamSummary)
        assert rest[-1].total_chunks == 100


async def test_an_answer_that_is_never_acknowledged_is_given_up(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with connected(monkeypatch, provider, Announcements()) as gateway:
        link = await gateway.link()
        await link.let_in()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ping_for, link, 1_000)
            await link.say(command())
            provider.dictate("你好", *["x" * 10_000] * 100)
            await provider.let_go("你好")
            message = await link.hear()
            while isinstance(message, StreamChunk | Ping):
                message = await link.hear()
            assert isinstance(message, StreamError)
            assert message.reason == "cut_answer"
            nursery.cancel_scope.cancel()
