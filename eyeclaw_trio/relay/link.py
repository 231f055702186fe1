"""One way to a bot, as the switchboard sees it: a socket's, or a bot inside this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eyeclaw_trio.protocol.bot import ToBot


class Link(Protocol):
    """One way to a bot. Nothing here waits: what is said goes into the link's own outbox."""

    @property
    def capacity(self) -> int:
        """How many commands the bot takes at once."""

    @property
    def can_cancel(self) -> bool:
        """Whether the bot stops when it is told `cancel`."""

    @property
    def can_resume(self) -> bool:
        """Whether a command that is sent again is not run again."""

    @property
    def is_alive(self) -> bool:
        """Whether the bot can still be told anything on it."""

    def send(self, message: ToBot) -> None:
        """Put a message into the outbox."""

    def acknowledge(self, session_id: str, sequences: Sequence[int], *, at_once: bool) -> None:
        """Put `chunk_received` for each of these into the outbox, as one write; `at_once` when
        nobody else has something to write just now."""

    def replace(self) -> None:
        """A newer link has taken over: say so and end, without wanting the bot back."""
