"""How much of one answer may wait: its own limit, and its part of what all answers share."""

from __future__ import annotations

from typing import Final

from eyeclaw_trio.core.shares import Portion

# So many bytes are every answer's own: what goes beyond them is counted for the owner.
OWN: Final = 16_384


class Quota:
    """The bytes of one answer that wait, and those that were taken last and may still be on their
    way out. At most `limit` bytes may wait, as far as the owner of `portion` has some left.
    """

    __slots__ = (
        "_limit",
        "_own",
        "_portion",
        "_taken",
        "is_counted",
        "waiting",
        "within",
    )  # thousands

    def __init__(self, limit: int, portion: Portion) -> None:
        self.waiting = 0
        """What waits; counted by whoever puts it in."""
        self.is_counted = False
        """Whether the owner has to answer for some of it: only then `note_taken` has to be told."""
        self._limit = limit
        self._portion = portion
        self.within = self._own = min(OWN, limit)
        """What may wait without a question; beyond it `widen` has to be asked."""
        self._taken = 0  # of the portion, for what was taken last

    def widen(self, amount: int, *, is_first: bool) -> bool:
        """Make room for so much more; false where that is too much. The first that waits may be
        longer than the limit."""
        wanted = self.waiting + amount
        if not is_first and wanted > self._limit:
            return False
        wanted = max(wanted, min(2 * self.within, self._limit))
        if not self._portion.take(wanted - self.within):
            return False
        self.within = wanted
        self.is_counted = True
        return True

    def take_aside(self, amount: int) -> bool:
        """Count something that does not wait as the rest does; false where there is no room."""
        if amount <= OWN:
            return True
        if not self._portion.take(amount):
            return False
        self.is_counted = True
        return True

    def note_taken(self) -> None:
        """All that waits was taken, and what was taken before is out."""
        self._portion.give_back(self._taken)
        self._taken = self._portion.size
        self.within = self._own
        self.is_counted = self._taken > 0

    def release(self) -> None:
        """Nothing waits any more, and nothing is on its way."""
        self._portion.release()
