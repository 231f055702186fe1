"""Texts that can be fetched once, under an address that nobody can guess. Time is an argument."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from eyeclaw_trio.core.directory import digest

# Seconds that one waits to be fetched.
LIFETIME: Final = 900.0
# That may wait at once; a newer one takes the place of the oldest.
MOST: Final = 16


@define(eq=False)
class Invitations:
    """What waits to be fetched, in memory only: a gateway that ends takes it along."""

    _waiting: dict[bytes, tuple[str, float]] = field(factory=dict, init=False)

    def put(self, code: str, text: str, now: float) -> None:
        """Have this text fetched by whoever knows the code, once, within LIFETIME."""
        self._forget_old(now)
        while len(self._waiting) >= MOST:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[digest(code)] = (text, now + LIFETIME)

    def take(self, code: str, now: float) -> str | None:
        """The text of this code, for the first who asks in time; else None."""
        self._forget_old(now)
        # Looked up by its digest: how long that takes says nothing of the code.
        text, _ = self._waiting.pop(digest(code), (None, 0.0))
        return text

    def _forget_old(self, now: float) -> None:
        self._waiting = {key: each for key, each in self._waiting.items() if each[1] > now}
