"""One way to a bot, as its station sees it: a socket's, or a bot inside this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eyeclaw_trio.core.places import BotTraits
from eyeclaw_trio.protocol.to_bot import ToBot


class Link(BotTraits, Protocol):
    """One way to a bot. Nothing here waits: what is said goes into the link's own outbox."""

    def send(self, message: ToBot) -> None:
        """Put a message into the outbox. The link itself decides whether it is written now or goes
        with what others have to say: see `LinkSide.is_quiet`."""

    def acknowledge(self, session_id: str, sequences: Sequence[int]) -> None:
        """Put `chunk_received` for each of these into the outbox, as one write, as
        `send`."""

    def replace(self) -> None:
        """A newer link has taken over: say so and end, without wanting the bot back."""
