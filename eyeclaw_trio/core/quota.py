"""How much of one answer may wait: its own limit, and its part of what all answers share."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from eyeclaw_trio.core.shares import Portion, Shares

# So many bytes are every answer's own: what goes beyond them is counted for the owner.
OWN: Final = 16_384


class Quota(Portion):
    """The bytes of one answer that wait, and those that were taken last and may still be on their
    way out. At most `limit` bytes may wait, as far as the owner has some left of what all share.
    """

    __slots__ = ("_limit", "_taken", "is_counted", "waiting", "within")  # there may be thousands

    def __init__(self, limit: int, shares: Shares, owner: Hashable) -> None:
        super().__init__(shares, owner)
        self.waiting = 0
        """What waits; counted by whoever puts it in."""
        self.is_counted = False
        """Whether the owner has to answer for some of it: only then `note_taken` has to be told."""
        self._limit = limit
        self.within = min(OWN, limit)
        """What may wait without a question; beyond it `widen` has to be asked."""
        self._taken = 0  # of the shares, for what was taken last

    def widen(self, amount: int, *, is_first: bool) -> bool:
        """Make room for so much more; false where that is too much. The first that waits may be
        longer than the limit."""
        wanted = self.waiting + amount
        if not is_first and wanted > self._limit:
            return False
        wanted = max(wanted, min(2 * self.within, self._limit))
        if not self.take(wanted - self.within):
            return False
        self.within = wanted
        self.is_counted = True
        return True

    def take_aside(self, amount: int) -> bool:
        """Count something that does not wait as the rest does; false where there is no room."""
        if amount <= OWN:
            return True
        if not self.take(amount):
            return False
        self.is_counted = True
        return True

    def note_taken(self) -> None:
        """All that waits was taken, and what was taken before is out."""
        self.give_back(self._taken)
        self._taken = self.size
        self.within = min(OWN, self._limit)
        self.is_counted = self._taken > 0
