"""The embedded bots of one gateway, kept as its directory says they should be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import structlog
import trio
from attrs import define, field

from eyeclaw_trio.connector.embedded import run_embedded_bot
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.provider import Note, Provider, ignore
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.relay.switchboard import NO_BOT, Switchboard

log = structlog.get_logger(__name__)

# What keeps an embedded bot away, as traces and `bot list` have it: its provider is not in this
# gateway's settings, mostly because its key is not in this process's environment; or it is, and
# cannot work.
UNKNOWN_PROVIDER: Final = "unknown_provider"
UNUSABLE_PROVIDER: Final = "unusable_provider"

# Heartbeats an embedded bot gives within one `presence_timeout`.
_BEATS: Final = 3


@define(eq=False)
class _SharedProvider:
    """A provider that is in use, by so many."""

    provider: Provider
    users: int = 0


@define(eq=False)
class EmbeddedBots:
    """Starts and ends embedded bots as the directory changes; each asks its own provider.

    Every provider is also there without a bot, for chat clients who name it. All who ask one
    share its connections, which are kept warm from the beginning; those of the `unconfigured`,
    which nobody may ever ask, only where a bot needs them. A bot whose provider is not in the
    settings stays known and offline; log, station and `why_offline` say why. `note` is told of
    every answer of a provider.
    """

    nursery: trio.Nursery
    switchboard: Switchboard
    providers: Mapping[str, ProviderSettings]
    note: Note = ignore
    unconfigured: Collection[str] = ()
    _running: dict[tuple[int, str], trio.CancelScope] = field(factory=dict, init=False)
    _kept_away: dict[tuple[int, str], str] = field(factory=dict, init=False)
    _opened: dict[str, _SharedProvider] = field(factory=dict, init=False)

    def follow(self, bots: Iterable[Bot]) -> None:
        """Make the running bots those that are embedded now. Never waits."""
        wanted = [(bot.id, bot.provider) for bot in bots if bot.provider and bot.is_configured]
        wanted += [(NO_BOT, name) for name in self.providers]
        for key in [key for key in self._running if key not in wanted]:
            self._running.pop(key).cancel()
        for key in [key for key in self._kept_away if key not in wanted]:
            del self._kept_away[key]
            self._tell_station(key, "")
        for key in wanted:
            if key not in self._running and key not in self._kept_away:
                self._start(key)

    def why_offline(self) -> dict[int, str]:
        """Each embedded bot by its id: what keeps it away, in a word of ours, or "" if nothing."""
        reasons = dict.fromkeys(self._running, "") | self._kept_away
        return {bot_id: reason for (bot_id, _), reason in reasons.items() if bot_id != NO_BOT}

    def _start(self, key: tuple[int, str]) -> None:
        bot_id, name = key
        reason = ""
        if name not in self.providers:
            reason = UNKNOWN_PROVIDER
            log.warning("bot.unknown_provider", bot_id=bot_id, provider=name)
        else:
            try:
                opened = self._open(name)
            except ConfigurationError as error:  # one bot's, and no reason to end the others
                reason = UNUSABLE_PROVIDER
                log.error("bot.unusable_provider", bot_id=bot_id, provider=name, why=str(error))
        self._tell_station(key, reason)
        if reason:
            self._kept_away[key] = reason
            return
        opened.users += 1
        self._running[key] = scope = trio.CancelScope()
        self.nursery.start_soon(self._run, bot_id, name, opened, scope)

    def _tell_station(self, key: tuple[int, str], reason: str) -> None:
        bot_id, _ = key
        if bot_id != NO_BOT:
            self.switchboard.station(bot_id).offline_reason = reason

    async def _run(
        self, bot_id: int, name: str, opened: _SharedProvider, scope: trio.CancelScope
    ) -> None:
        is_bot = bot_id != NO_BOT
        board = self.switchboard
        try:
            with scope:
                await run_embedded_bot(
                    board.station(bot_id) if is_bot else board.provider_station(name),
                    opened.provider,
                    heartbeat=board.patience.presence_timeout / _BEATS,
                    # Once is enough.
                    keeps_warm=is_bot == (name in self.unconfigured),
                )
        finally:
            opened.users -= 1
            if not opened.users:
                del self._opened[name]
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
                    await opened.provider.aclose()

    def _open(self, name: str) -> _SharedProvider:
        """The provider, opened by whoever is the first. Raises ConfigurationError."""
        if name not in self._opened:
            provider = open_provider(self.providers[name], self.providers, self.note)
            self._opened[name] = _SharedProvider(provider)
        return self._opened[name]
