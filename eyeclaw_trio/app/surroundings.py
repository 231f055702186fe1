"""What is around the gateway, as the pages ask for it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import trio
from attrs import define, field

from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.core.checkup import Facts
from eyeclaw_trio.core.routing import choose_default_bot
from eyeclaw_trio.errors import BotOffline
from eyeclaw_trio.server.invitation import PATH
from eyeclaw_trio.store.columns import read_clock

# Seconds between two looks at the disk.
_LOOK_EVERY: Final = 30.0
_CODE_BYTES: Final = 32


@define(eq=False)
class HouseSurroundings:
    """An `admin.surroundings.Surroundings` of this gateway. `public_host` is where its public
    listener listens, on loopback or not."""

    gateway: Gateway
    address: str
    public_host: str
    is_on_loopback: bool
    now: Callable[[], datetime] = read_clock
    _disk_free: int | None = field(default=None, init=False)
    _looked_at: float | None = field(default=None, init=False)
    _started: tuple[float, float] = field(init=False)

    @_started.default
    def _read_both_clocks(self) -> tuple[float, float]:
        return self.now().timestamp(), trio.current_time()

    @property
    def provider_names(self) -> Sequence[str]:
        """As the Protocol says."""
        return tuple(self.gateway.settings.providers)

    def describe_providers(self) -> Mapping[str, Mapping[str, Any]]:
        """As the Protocol says."""
        return self.gateway.observer.stopwatch.describe_providers()

    def why_offline(self, bot_id: int) -> str:
        """As the Protocol says."""
        return self.gateway.switchboard.station(bot_id).offline_reason

    def invite(self, text: str) -> str:
        """As the Protocol says."""
        code = secrets.token_urlsafe(_CODE_BYTES)
        self.gateway.invitations.put(code, text, trio.current_time())
        return PATH + code

    async def look(self, flapping: Collection[int], old_sdks: Collection[int]) -> Facts:
        """As the Protocol says."""
        gateway = self.gateway
        await self._look_at_disk()
        bots = gateway.store.directory.bots
        wanted = [bot for bot in bots.values() if bot.is_configured]
        _, health = gateway.observer.health()
        wall, began = self.now().timestamp(), self._started
        return Facts(
            status=str(health["status"]),
            active_keys=sum(key.is_active for key in gateway.store.directory.keys),
            bots={bot.name: gateway.switchboard.is_online(bot.id) for bot in wanted},
            has_default_bot=self._has_default_bot(),
            public_host=self.public_host,
            is_on_loopback=self.is_on_loopback,
            has_tls=gateway.settings.tls_certificate is not None,
            unix_time=wall,
            disk_free=self._disk_free,
            is_degraded=gateway.store.is_degraded,
            dropped_writes=gateway.store.dropped,
            clock_off=wall - began[0] - (trio.current_time() - began[1]),
            flapping=tuple(bot.name for bot in wanted if bot.id in flapping),
            old_sdks=tuple(bot.name for bot in wanted if bot.id in old_sdks),
        )

    def _has_default_bot(self) -> bool:
        try:
            choose_default_bot(self.gateway.store.directory)
        except BotOffline:
            return False
        return True

    async def _look_at_disk(self) -> None:
        now = trio.current_time()
        if self._looked_at is not None and now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        folder = self.gateway.settings.data
        self._disk_free = await trio.to_thread.run_sync(_ask_disk, folder, abandon_on_cancel=True)


def _ask_disk(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
