"""What is known of the whole gateway at one moment, for the pages to make findings of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import trio
from attrs import define, evolve, field, frozen

from eyeclaw_trio.app.backup_shelf import BackupShelf
from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.core.checkup import Facts
from eyeclaw_trio.core.presence import MINUTES, find_flapping
from eyeclaw_trio.core.routing import choose_default_bot
from eyeclaw_trio.errors import BotOffline, StoreError
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database
from eyeclaw_trio.store.presence_history import read_presence
from eyeclaw_trio.store.wearers import find_bots_without_summary

# Seconds between two looks at what costs more than a look: the disk, and what is written of bots.
_LOOK_EVERY: Final = 10.0


@frozen
class _Slow:
    """What was found at `looked_at`; bots by their ids."""

    looked_at: float
    disk_free: int | None = None
    flapping: frozenset[int] = frozenset()
    old_sdks: frozenset[int] = frozenset()


@define(eq=False)
class GatewayCheckup:
    """An `admin.workshop.Checkup`. `public_host` is where the public listener listens, on loopback
    or not."""

    gateway: Gateway
    backups: BackupShelf
    public_host: str
    is_on_loopback: bool
    now: Callable[[], datetime] = read_clock
    _slow: _Slow | None = field(default=None, init=False)
    _started: tuple[float, float] = field(init=False)

    @_started.default
    def _read_both_clocks(self) -> tuple[float, float]:
        return self.now().timestamp(), trio.current_time()

    async def look(self) -> Facts:
        """As of this moment; the disk and the histories as they were some seconds ago at most.
        Cancelled, nothing has happened."""
        gateway = self.gateway
        store, directory = gateway.store, gateway.store.directory
        slow = await self._look_slowly()
        wanted = [bot for bot in directory.bots.values() if bot.is_configured]
        _, health = gateway.observer.health()
        wall, began = self.now().timestamp(), self._started
        return Facts(
            status=str(health["status"]),
            active_keys=sum(key.is_active for key in directory.keys),
            bots={bot.name: gateway.switchboard.is_online(bot.id) for bot in wanted},
            has_default_bot=self._has_default_bot(),
            public_host=self.public_host,
            is_on_loopback=self.is_on_loopback,
            has_tls=gateway.settings.tls_certificate is not None,
            unix_time=wall,
            disk_free=slow.disk_free,
            is_degraded=store.is_degraded,
            dropped_writes=store.dropped,
            is_backup_waiting=self.backups.waiting is not None,
            clock_off=wall - began[0] - (trio.current_time() - began[1]),
            flapping=tuple(bot.name for bot in wanted if bot.id in slow.flapping),
            old_sdks=tuple(bot.name for bot in wanted if bot.id in slow.old_sdks),
        )

    def _has_default_bot(self) -> bool:
        try:
            choose_default_bot(self.gateway.store.directory)
        except BotOffline:
            return False
        return True

    async def _look_slowly(self) -> _Slow:
        now, known = trio.current_time(), self._slow
        if known is not None and now - known.looked_at < _LOOK_EVERY:
            return known
        found = known or _Slow(now)
        # Others who look meanwhile are shown what was known.
        self._slow = evolve(found, looked_at=now)
        folder, last = self.gateway.settings.data, int(self.now().timestamp()) // 60 - 1

        def read(db: Database) -> tuple[frozenset[int], frozenset[int]]:
            hours = read_presence(db, last // MINUTES - 1)
            return find_flapping(hours, last), find_bots_without_summary(db)

        free = await trio.to_thread.run_sync(_ask_disk, folder, abandon_on_cancel=True)
        try:
            flapping, old_sdks = await self.gateway.store.read(read)
        except StoreError:  # what is wrong with it is another finding
            flapping, old_sdks = found.flapping, found.old_sdks
        self._slow = _Slow(now, free, flapping, old_sdks)
        return self._slow


def _ask_disk(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
