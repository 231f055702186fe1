"""What the pages about the gateway itself are handed of it."""

from __future__ import annotations

import shutil
import time

import trio
from attrs import frozen

from eyeclaw_trio.admin.workshop import Workshop
from eyeclaw_trio.app.backup_shelf import BackupShelf
from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.app.provider_desk import ProviderDesk
from eyeclaw_trio.app.settings_desk import SettingsOffice
from eyeclaw_trio.core.checkup import Facts
from eyeclaw_trio.core.routing import choose_default_bot
from eyeclaw_trio.errors import BotOffline
from eyeclaw_trio.logs import RecentLines

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@frozen
class GatewayCheckup:
    """An `admin.workshop.Checkup`."""

    gateway: Gateway
    backups: BackupShelf

    async def look(self) -> Facts:
        """As of this moment. Cancelled, nothing has happened."""
        gateway = self.gateway
        settings, store, directory = gateway.settings, gateway.store, gateway.store.directory
        _, health = gateway.observer.health()
        host = settings.listen.host
        try:
            choose_default_bot(directory)
            has_default = True
        except BotOffline:
            has_default = False
        return Facts(
            status=str(health["status"]),
            active_keys=sum(key.is_active for key in directory.keys),
            bots={
                bot.name: gateway.switchboard.is_online(bot.id)
                for bot in directory.bots.values()
                if bot.is_configured
            },
            has_default_bot=has_default,
            public_host=host,
            is_on_loopback=host in _LOOPBACK or host.startswith("127."),
            has_tls=settings.tls_certificate is not None,
            unix_time=time.time(),
            disk_free=await trio.to_thread.run_sync(self._find_free),
            is_degraded=store.is_degraded,
            dropped_writes=store.dropped,
            is_backup_waiting=self.backups.waiting is not None,
        )

    def _find_free(self) -> int | None:
        try:
            return shutil.disk_usage(self.gateway.settings.data).free
        except OSError:
            return None


def make_workshop(gateway: Gateway, log: RecentLines) -> Workshop:
    """All of it."""
    settings = gateway.settings
    backups = BackupShelf(settings.data)
    return Workshop(
        gateway.try_it,
        ProviderDesk(settings, gateway.store),
        SettingsOffice(settings),
        log,
        backups,
        GatewayCheckup(gateway, backups),
    )
