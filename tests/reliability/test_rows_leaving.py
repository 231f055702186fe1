"""Rows 5 and 6: a reader that leaves, and a gateway that is told to stop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import h11
import pytest
import trio
import trio.testing
from attrs import define
from cable_fakes import CableGateway
from cable_fakes import Sdk as WireSdk
from fakes import FAILED, TOKEN, Gateway, Glasses, assert_whole, spoken, without_code
from healthy_turn import beside_a_healthy_turn, healthy_turn, nothing_left, until
from peers import HOST, FakeModel, open_gateway
from scripted_model import open_scripted_model
from trio.testing import MockClock
from trio_websocket import ConnectionClosed

from eyeclaw_trio.app.gateway import Gateway as ServedGateway
from eyeclaw_trio.connector.embedded import run_embedded_bot
from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.protocol.bot import StreamChunk
from eyeclaw_trio.providers.openai import OpenAIProvider
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.settings.kinds import HostPort
from eyeclaw_trio.store.store import Store

BOT_1 = f"?sdk_token={TOKEN}&bot_id=1"
BOT_2 = "?sdk_token=bt_test-token-of-bot-2&bot_id=2"


# ---- 5: a reader that leaves --------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [0, 3])
async def test_row_05_a_linked_bot_is_told_when_its_reader_has_left(
    chunks: int, autojump_clock: MockClock
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway, places_kept=1), gateway.sdk() as sdk:
        await sdk.link()
        async with gateway.glasses() as glasses:
            await glasses.send()
            turn = (await sdk.receive_command())["metadata"]["session_id"]
            for sequence in range(chunks):
                await sdk.say(
                    {
                        "type": "stream_chunk",
                        "content": "好",
                        "sequence": sequence,
                        "session_id": turn,
                    }
                )
                await sdk.receive()
            left = trio.current_time()
        message = (await sdk.receive())["message"]
        assert (message["type"], message["session_id"]) == ("cancel", turn)
        assert trio.current_time() - left <= 1
    assert gateway.traces[0].outcome is Outcome.CANCELLED


@pytest.mark.parametrize("chunks", [0, 3])
async def test_row_05_our_connector_stops_its_model_within_a_second(chunks: int) -> None:
    gateway = CableGateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_gateway(gateway) as port,
        trio.open_nursery() as bots,
    ):
        pause = 0.02 if chunks else 60.0
        model = FakeModel(lambda _: ["好"] * 10_000, lambda: pause)
        address = LinkTarget(f"http://{HOST}:{port}", 1, TOKEN)

        async def connect() -> None:
            await keep_connected(address, model, announce=lambda _: None)

        bots.start_soon(connect)
        await until(lambda: gateway.switchboard.is_online(1), seconds=5)
        async with await trio.open_tcp_stream(HOST, port) as stream:
            glasses = Glasses(stream)
            await glasses.send()
            await glasses.receive_head()
            for _ in range(1 + chunks):
                await glasses.receive_event()
            await until(lambda: model.open_answers == 1, seconds=5)
        await until(lambda: model.open_answers == 0, seconds=1)
        bots.cancel_scope.cancel()
    assert gateway.traces[0].outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("script", "chunks"), [("hang-before-head", 0), ("hang-after-head", 0), ("hang", 2)]
)
async def test_row_05_an_embedded_provider_s_connection_is_closed_within_a_second(
    script: str, chunks: int
) -> None:
    gateway = Gateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_scripted_model(script) as model,
        trio.open_nursery() as bots,
    ):
        provider = OpenAIProvider(ProviderSettings("model", base_url=model.base_url, model="any"))
        await bots.start(run_embedded_bot, gateway.switchboard.station(1), provider)
        async with gateway.glasses() as glasses:
            await glasses.send()
            await glasses.receive_head()
            for _ in range(1 + chunks):
                await glasses.receive_event()
            await model.wait_until(lambda: len(model.completions) == 1)
        await model.wait_until(lambda: model.aborted == 1, seconds=1)
        bots.cancel_scope.cancel()
        await provider.aclose()
    assert gateway.traces[0].outcome is Outcome.CANCELLED


@pytest.mark.parametrize("text", ["好", ""])
async def test_row_05_a_reader_that_leaves_at_the_word_done_has_had_its_whole_answer(
    text: str, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        bot = gateway.bot()
        with bot.station.attached(bot):
            for number in range(20):  # which of two tasks trio runs first is a matter of chance
                async with gateway.glasses() as glasses:
                    await glasses.send()
                    turn = (await bot.wait_for_commands(number + 1))[number].session_id
                    bot.answer(turn, text)
                    await glasses.receive_head()
                    while not (await glasses.receive_event()).startswith("event: done\n"):
                        pass
    outcome = Outcome.ANSWERED if text else Outcome.BOT_ERROR
    assert [trace.outcome for trace in gateway.traces if trace.bot_id == 1] == [outcome] * 20


# ---- 6: the gateway is told to stop -------------------------------------------------------------


@define(eq=False)
class NoStore:
    """What the gateway asks of its store, for as long as it needs no answer."""

    same: CableGateway

    @property
    def directory(self) -> Directory:
        return self.same.directory

    def trace_ended(self, trace: Trace) -> None:
        self.same.traces.append(trace)

    def __getattr__(self, name: str) -> Any:
        return Nothing()


class Nothing(int):
    """No number and no answer, whichever is asked for."""

    def __call__(self, *_: object, **__: object) -> None:
        return None


@asynccontextmanager
async def stoppable(
    patience: Patience,
) -> AsyncIterator[tuple[CableGateway, trio.MemorySendChannel[int], trio.CancelScope]]:
    """The whole gateway without its listeners, a way to signal to it, and their scope.

    What is returned first is the same gateway as the other tests know theirs. The scope would be
    the one of the listeners, all connections in it: when it is cancelled, the gateway is over.
    """
    same = CableGateway(patience=patience)
    anywhere = HostPort("127.0.0.1", 0)
    settings = Settings(anywhere, anywhere, Path(), patience=patience)
    whole = ServedGateway(settings, cast(Store, NoStore(same)), settings.limits.connections)
    same.switchboard, same.front_door = whole.switchboard, whole.front_door
    same.answers, same.links = whole.roster.answers, whole.roster.links
    tell, signals = trio.open_memory_channel[int](2)
    scope = trio.CancelScope()
    async with nothing_left(same), trio.open_nursery() as nursery:
        await nursery.start(whole.run)
        nursery.start_soon(whole.shutdown.stop_on, signals, scope)
        yield same, tell, scope
        nursery.cancel_scope.cancel()


async def health(gateway: Gateway) -> tuple[int, str]:
    """What `/health` says."""
    async with gateway.glasses() as glasses:
        await glasses.send(method="GET", target="/health", key=None)
        status = (await glasses.receive_head()).status_code
        return status, json.loads(await glasses.receive_body())["status"]


async def ask_in_vain(gateway: Gateway) -> h11.Response:
    """The head of what one more question gets."""
    async with gateway.glasses() as glasses:
        await glasses.send()
        return await glasses.receive_head()


async def test_row_06_a_gateway_that_stops_says_so_takes_nothing_new_and_finishes_what_runs(
    autojump_clock: MockClock,
) -> None:
    frames: list[Any] = []

    async def listen(sdk: WireSdk) -> None:
        with suppress(ConnectionClosed):
            while True:
                frames.append(await sdk.receive())

    async with (
        stoppable(Patience()) as (gateway, tell, scope),
        gateway.sdk(BOT_2) as sdk,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(listen, sdk)
        async with healthy_turn(gateway):
            assert await health(gateway) == (200, "ok")
            began = trio.current_time()
            await tell.send(15)
            await trio.testing.wait_all_tasks_blocked()
            assert await health(gateway) == (503, "draining")
            refused = await ask_in_vain(gateway)
            assert refused.status_code == 503
            assert int(dict(refused.headers)[b"retry-after"]) > 0
            assert trio.current_time() == began
            await trio.sleep(29)
            assert not scope.cancel_called
            assert frames == [{"type": "welcome"}]
        # Its last answer is over, before the drain's end: now the bots are told.
        assert trio.current_time() < began + 30
        await until(lambda: scope.cancel_called, seconds=5)
    assert frames[1:] == [{"type": "disconnect", "reason": "server_restart", "reconnect": True}]


async def test_row_06_an_answer_that_does_not_end_is_apologised_for_at_the_drain_timeout(
    autojump_clock: MockClock,
) -> None:
    async with stoppable(Patience(drain_timeout=30)) as (gateway, tell, scope):
        bot = gateway.bot(can_cancel=True)
        with bot.station.attached(bot):
            async with gateway.glasses() as glasses:
                await glasses.send()
                await glasses.receive_head()
                [command] = await bot.wait_for_commands()
                bot.say(StreamChunk(command.session_id, "半句", 0))
                await tell.send(15)
                told = trio.current_time()
                blocks = await glasses.receive_answer()
                assert trio.current_time() == told + 30
                assert without_code(spoken(blocks)) == "半句" + FAILED
                assert_whole(blocks, spoken(blocks))
            await until(lambda: scope.cancel_called, seconds=5)
            assert bot.cancelled == [command.session_id]


async def test_row_06_the_second_signal_stops_at_once(autojump_clock: MockClock) -> None:
    async with stoppable(Patience()) as (gateway, tell, scope):
        bot = gateway.bot(can_cancel=True)
        with bot.station.attached(bot):
            async with gateway.glasses() as glasses:
                await glasses.send()
                await bot.wait_for_commands()
                began = trio.current_time()
                await tell.send(15)
                await trio.testing.wait_all_tasks_blocked()
                assert not scope.cancel_called
                await tell.send(2)
                await until(lambda: scope.cancel_called, seconds=0.1)
                assert trio.current_time() <= began + 0.01


async def test_row_06_bots_are_told_of_the_restart_spread_over_time(
    autojump_clock: MockClock,
) -> None:
    async with stoppable(Patience()) as (gateway, tell, scope):
        told: list[float] = []
        linked = trio.Semaphore(0)

        async def wait_to_be_told(bot: str) -> None:
            async with gateway.sdk(bot) as sdk:
                assert await sdk.receive() == {"type": "welcome"}
                linked.release()
                frame = await sdk.receive()
                assert (frame["type"], frame["reconnect"]) == ("disconnect", True)
                told.append(trio.current_time())

        async with trio.open_nursery() as bots:
            for number in range(60):  # a token has 32 links at the most
                bots.start_soon(wait_to_be_told, (BOT_1, BOT_2)[number % 2])
            for _ in range(60):
                await linked.acquire()
            began = trio.current_time()
            await tell.send(15)
        await until(lambda: scope.cancel_called, seconds=5)
        assert len(told) == 60
        assert told[-1] <= began + 2
        assert len(set(told)) >= 30  # not all in one breath
