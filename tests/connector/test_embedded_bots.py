"""The embedded bots of a gateway, and the providers that chat clients ask by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from attrs import define, field
from fakes import make_bot
from trio.testing import MockClock, wait_all_tasks_blocked

from eyeclaw_trio.connector import embedded_bots
from eyeclaw_trio.connector.embedded_bots import EmbeddedBots
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.echo import EchoProvider
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.relay.switchboard import Switchboard


@define
class Log:
    """What has happened to providers, in order."""

    lines: list[str] = field(factory=list)


@attrs.frozen
class Watched(EchoProvider):
    """A provider that says what happens to it."""

    log: Log = field(factory=Log)

    async def warm_up(self) -> None:
        self.log.lines.append(f"warm {self.name}")

    async def aclose(self) -> None:
        self.log.lines.append(f"closed {self.name}")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Providers are opened as Watched; one called `broken` cannot be."""
    log = Log()

    def open_watched(settings: ProviderSettings, *_: object) -> Watched:
        if settings.name == "broken":
            raise ConfigurationError("cannot work")
        log.lines.append(f"opened {settings.name}")
        return Watched(settings.name, log=log)

    monkeypatch.setattr(embedded_bots, "open_provider", open_watched)
    return log


@asynccontextmanager
async def running(
    *names: str, unconfigured: Collection[str] = ()
) -> AsyncIterator[tuple[EmbeddedBots, Switchboard]]:
    board = Switchboard(Patience(), Limits())
    providers = {name: ProviderSettings(name, "echo") for name in names}
    async with trio.open_nursery() as nursery:
        yield EmbeddedBots(nursery, board, providers, unconfigured=unconfigured), board
        nursery.cancel_scope.cancel()


def embedded(number: int, provider: str) -> Bot:
    return attrs.evolve(make_bot(number, f"bot {number}"), provider=provider)


async def test_every_provider_can_be_asked_by_name_and_is_none_of_the_bots(log: Log) -> None:
    async with running("one", "two") as (bots, board):
        bots.follow([])
        await wait_all_tasks_blocked()
        assert board.provider_station("one").is_online
        assert board.provider_station("two").is_online
        assert board.online_bots == 0
    assert sorted(log.lines) == [
        *("closed one", "closed two", "opened one", "opened two", "warm one", "warm two")
    ]


async def test_bots_and_chat_clients_share_one_provider_which_is_warmed_once(log: Log) -> None:
    async with running("one") as (bots, board):
        bots.follow([embedded(1, "one"), embedded(2, "one")])
        await wait_all_tasks_blocked()
        assert (board.is_online(1), board.is_online(2), board.online_bots) == (True, True, 2)
        bots.follow([embedded(2, "one")])
        await wait_all_tasks_blocked()
        assert (board.is_online(1), board.is_online(2)) == (False, True)
        assert log.lines == ["opened one", "warm one"]
    assert log.lines == ["opened one", "warm one", "closed one"]


async def test_a_provider_that_nobody_has_configured_is_warmed_by_its_bots_only(
    log: Log, autojump_clock: MockClock
) -> None:
    async with running("one", unconfigured=["one"]) as (bots, board):
        bots.follow([])
        await trio.sleep(1)
        assert board.provider_station("one").is_online
        assert log.lines == ["opened one"]
        bots.follow([embedded(1, "one")])
        await trio.sleep(1)
        assert log.lines == ["opened one", "warm one"]


async def test_a_provider_that_cannot_be_used_is_offline_and_others_are_not(log: Log) -> None:
    async with running("broken", "one") as (bots, board):
        bots.follow([embedded(1, "broken"), embedded(2, "one"), embedded(3, "unknown")])
        await wait_all_tasks_blocked()
        assert not board.provider_station("broken").is_online
        assert board.provider_station("one").is_online
        assert [board.is_online(number) for number in (1, 2, 3)] == [False, True, False]
