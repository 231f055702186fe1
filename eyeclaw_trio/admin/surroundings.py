"""What the pages know of what is around the gateway, and how an agent is invited by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from eyeclaw_trio.core.routing import WearerRules


class Surroundings(Protocol):
    """What is around the gateway. Nothing here waits."""

    @property
    def address(self) -> str:
        """Where the public listener listens, as a URL."""
        ...

    @property
    def wearer_rules(self) -> WearerRules:
        """Who may ask, as the settings have it."""
        ...

    @property
    def provider_names(self) -> Sequence[str]:
        """The providers that an embedded bot may have."""
        ...

    def describe_providers(self) -> Mapping[str, Mapping[str, Any]]:
        """Those that were asked, by name: times, and how often they met their targets; as in
        `/stats`."""
        ...

    def why_offline(self, bot_id: int) -> str:
        """What keeps an embedded bot away, in a word of ours; "" where nothing is known."""
        ...

    def invite(self, text: str) -> str:
        """The way to a text that can be fetched once: a path below the public address, with a code
        in it."""
        ...
