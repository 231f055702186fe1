"""A bound that many share, so that one who takes all he can get leaves enough for the others.

Everybody may have as much as is free, or some times that. Who is alone gets half of it, two who
want everything a third each, and there is always something left for whoever comes next (RELIABILITY
36). Nobody has to be known beforehand, and nothing is set aside for those who do not come. (Routers
share their buffers so: "dynamic thresholds", Choudhury and Hahne, 1998.)
"""

from __future__ import annotations

from collections.abc import Hashable

from attrs import define, field


class Shares:
    """What of `limit` is taken, and by whom; bytes, or whatever is counted.

    Of one that is `times` as generous, who is alone gets that part of `times + 1` parts.
    """

    def __init__(self, limit: int, times: int = 1) -> None:
        self.limit = limit
        self._times = times
        self.taken = 0
        self._of: dict[Hashable, int] = {}

    def of(self, owner: Hashable) -> int:
        """How much this owner has."""
        return self._of.get(owner, 0)

    def allows(self, owner: Hashable, amount: int) -> bool:
        """Whether this owner may have so much more."""
        return self.of(owner) + amount <= self._times * (self.limit - self.taken)

    def portion(self, owner: Hashable) -> Portion:
        """Something of this owner's that will take its part."""
        return Portion(self, owner)

    def move(self, owner: Hashable, amount: int) -> None:
        """Count so much more of this owner's, or less; for portions."""
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
