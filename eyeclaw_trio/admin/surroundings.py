"""What the pages know of what is around the gateway, and how an agent is invited by them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from eyeclaw_trio.core.checkup import Facts


class Surroundings(Protocol):
    """What is around the gateway. Nothing here waits but `look`."""

    @property
    def address(self) -> str:
        """Where the public listener listens, as a URL."""
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

    async def look(self, flapping: Collection[int], old_sdks: Collection[int]) -> Facts:
        """Look around, with what is known of bots by their ids. The disk is asked in a thread, and
        not more often than needed; cancellation leaves that to end by itself."""
        ...
