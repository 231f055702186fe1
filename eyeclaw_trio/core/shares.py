"""A bound that many share, so that one who takes all he can get leaves enough for the others.

Everybody may have as much as is free, or some times that. Who is alone gets half of it, two who
want everything a third each, and there is always something left for whoever comes next (RELIABILITY
36). Nobody has to be known beforehand, and nothing is set aside for those who do not come. (Routers
share their buffers so: "dynamic thresholds", Choudhury and Hahne, 1998.)
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from attrs import define, field

# Bytes of memory that all keys and tokens may take together, whatever for, and how generous that
# is: a third of it, 48 MiB, has who is alone. What is not worth counting comes on top of that, and
# an attacker's 64 MiB are kept (RELIABILITY 35).
MEMORY: Final = 144 * 1_048_576
MEMORY_TIMES: Final = 0.5


class Shares:
    """What of `limit` is taken, and by whom; bytes, or whatever is counted.

    Of one that is `times` as generous, who is alone gets that part of `times + 1` parts. What is
    taken of one that is part of a `whole` is taken of that, too, and has to be allowed by both.
    """

    def __init__(self, limit: int, times: float = 1) -> None:
        self.limit = limit
        self._times = times
        self.taken = 0
        self.whole: Shares | None = None
        self._of: dict[Hashable, int] = {}

    @classmethod
    def of_memory(cls, scale: float = 1.0) -> Shares:
        """What all keys and tokens share of the memory, or so many times as much."""
        return cls(int(MEMORY * scale), MEMORY_TIMES)

    def of(self, owner: Hashable) -> int:
        """How much this owner has."""
        return self._of.get(owner, 0)

    def allows(self, owner: Hashable, amount: int) -> bool:
        """Whether this owner may have so much more."""
        if self.whole is not None and not self.whole.allows(owner, amount):
            return False
        return self.of(owner) + amount <= self._times * (self.limit - self.taken)

    def portion(self, owner: Hashable) -> Portion:
        """Something of this owner's that will take its part."""
        return Portion(self, owner)

    def move(self, owner: Hashable, amount: int) -> None:
        """Count so much more of this owner's, or less; for portions."""
        if self.whole is not None:
            self.whole.move(owner, amount)
        self.taken += amount
        has = self.of(owner) + amount
        if has:
            self._of[owner] = has
        else:
            self._of.pop(owner, None)


@define(eq=False, weakref_slot=False)  # there may be thousands
class Portion:
    """What one thing of an owner's takes of his share, until it is released."""

    _shares: Shares = field(repr=False)
    _owner: Hashable
    size: int = 0

    def take(self, amount: int) -> bool:
        """Take so much more; false, and nothing taken, where that is too much."""
        if not self._shares.allows(self._owner, amount):
            return False
        self._shares.move(self._owner, amount)
        self.size += amount
        return True

    def give_back(self, amount: int) -> None:
        """Take so much less."""
        self._shares.move(self._owner, -amount)
        self.size -= amount

    def shrink(self, size: int) -> None:
        """Take no more than this."""
        if self.size > size:
            self.give_back(self.size - size)

    def release(self) -> None:
        """Give all of it back."""
        if self.size:  # most never took any
            self._shares.move(self._owner, -self.size)
            self.size = 0
