"""What is around the gateway, as the pages ask for it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import trio
from attrs import frozen

from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.core.routing import WearerRules
from eyeclaw_trio.server.invitation import PATH

_CODE_BYTES: Final = 32


@frozen
class HouseSurroundings:
    """An `admin.surroundings.Surroundings` of this gateway."""

    gateway: Gateway
    address: str

    @property
    def wearer_rules(self) -> WearerRules:
        """As the Protocol says."""
        settings = self.gateway.settings
        return WearerRules(frozenset(settings.allowed_users), settings.binding == "required")

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
