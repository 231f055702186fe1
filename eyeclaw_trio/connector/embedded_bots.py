"""The embedded bots of one gateway, kept as its directory says they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import structlog
import trio
from attrs import define, field

from eyeclaw_trio.connector.embedded import run_embedded_bot
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.relay.switchboard import Switchboard

log = structlog.get_logger(__name__)

# Heartbeats an embedded bot gives within one `presence_timeout`.
_BEATS: Final = 3


@define(eq=False)
class EmbeddedBots:
    """Starts and ends embedded bots as the directory changes; each asks its own provider.

    A bot whose provider is not in the settings stays known and offline, and the log says why.
    """

    nursery: trio.Nursery
    switchboard: Switchboard
    providers: Mapping[str, ProviderSettings]
    _running: dict[tuple[int, str], trio.CancelScope] = field(factory=dict, init=False)
    _unknown: set[tuple[int, str]] = field(factory=set, init=False)

    def follow(self, bots: Iterable[Bot]) -> None:
        """Make the running bots those that are embedded now. Never waits."""
        wanted = {(bot.id, bot.provider): bot for bot in bots if bot.provider and bot.is_configured}
        for key in [key for key in self._running if key not in wanted]:
            self._running.pop(key).cancel()
        for key, bot in wanted.items():
            provider = self.providers.get(key[1])
            if provider is None:
                if key not in self._unknown:
                    self._unknown.add(key)
                    log.warning("bot.unknown_provider", bot_id=bot.id, provider=key[1])
            elif key not in self._running:
                self._running[key] = scope = trio.CancelScope()
                self.nursery.start_soon(self._run, bot.id, provider, scope)

    async def _run(self, bot_id: int, settings: ProviderSettings, scope: trio.CancelScope) -> None:
        heartbeat = self.switchboard.patience.presence_timeout / _BEATS
        try:
            provider = open_provider(settings)
        except ConfigurationError as error:  # one bot's, and no reason to end the others
            log.error("bot.provider_unusable", bot_id=bot_id, why=str(error))
            return
        try:
            with scope:
                station = self.switchboard.station(bot_id)
                await run_embedded_bot(station, provider, heartbeat=heartbeat)
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
                await provider.aclose()
