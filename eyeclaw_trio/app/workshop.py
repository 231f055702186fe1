"""What the pages about the gateway itself are handed of it."""

from __future__ import annotations

from eyeclaw_trio.admin.public_address import is_for_others
from eyeclaw_trio.admin.workshop import Workshop
from eyeclaw_trio.app.backup_shelf import BackupShelf
from eyeclaw_trio.app.checkup import GatewayCheckup
from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.app.provider_desk import ProviderDesk
from eyeclaw_trio.app.settings_desk import SettingsOffice
from eyeclaw_trio.logs import RecentLines
from eyeclaw_trio.protocol.endpoint import Endpoint


def make_workshop(gateway: Gateway, log: RecentLines) -> Workshop:
    """All of it."""
    settings = gateway.settings
    backups = BackupShelf(settings.data)
    host, port = settings.listen.host, settings.listen.port
    is_on_loopback = not is_for_others(Endpoint(host, port, is_secure=False))
    return Workshop(
        gateway.try_it,
        ProviderDesk(settings, gateway.store),
        SettingsOffice(settings),
        log,
        backups,
        GatewayCheckup(gateway, backups, host, is_on_loopback),
    )
