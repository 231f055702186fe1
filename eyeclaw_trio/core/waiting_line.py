"""Who goes next, where many wait: owners in turns, and of one owner's who has had nothing yet.
Where no more can wait, who has most in the line has to take one out (RELIABILITY 35, 36).

Whoever comes in hundreds has a line of his own to wait in, and stands in nobody else's way. Within
one line, which all share who come through one proxy, those who were served before wait behind those
who were not; else it goes in order, or from both ends in turns: whoever comes behind a crowd is the
last one, and of a crowd that never ends nobody waits for ever.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from attrs import define, field

T = TypeVar("T", bound=Hashable)


@define(eq=False)
class _Own(Generic[T]):
    """Those of one owner, each in order."""

    fresh: OrderedDict[T, None] = field(factory=OrderedDict)
    served: OrderedDict[T, None] = field(factory=OrderedDict)
    last_is_next: bool = False

    @property
    def size(self) -> int:
        return len(self.fresh) + len(self.served)


class WaitingLine(Generic[T]):
    """All who wait, each once. Of one owner's it goes in order, or `from_both_ends` in turns."""

    __slots__ = ("_from_both_ends", "_owners", "size")  # one for each bot

    def __init__(self, *, from_both_ends: bool = False) -> None:
        self.size = 0
        """How many wait."""
        self._from_both_ends = from_both_ends
        self._owners: OrderedDict[Hashable, _Own[T]] = OrderedDict()  # whose turn it is first

    def add(self, owner: Hashable, item: T, *, was_served: bool = False) -> None:
        """One more of this owner's, who must not wait yet."""
        own = self._owners.setdefault(owner, _Own())
        (own.served if was_served else own.fresh)[item] = None
        self.size += 1

    def of(self, owner: Hashable) -> int:
        """How many of this owner's wait."""
        own = self._owners.get(owner)
        return own.size if own is not None else 0

    def find_greediest(self) -> Hashable:
        """The owner of whom most wait. Raises ValueError where nobody does."""
        return max(self._owners, key=self.of)

    def pop_newest(self, owner: Hashable) -> T:
        """The last one of this owner's, some of whose wait; he waits no longer."""
        own = self._owners[owner]
        item = next(reversed(own.served or own.fresh))
        self.discard(owner, item)
        return item

    def discard(self, owner: Hashable, item: T) -> None:
        """This one, who waits, waits no longer."""
        own = self._owners[owner]
        del (own.fresh if item in own.fresh else own.served)[item]
        self.size -= 1
        if not own.fresh and not own.served:
            del self._owners[owner]

    def pop(self) -> T:
        """The next one, who waits no longer. Raises KeyError where nobody waits."""
        owner, own = self._owners.popitem(last=False)
        item, _ = (own.fresh or own.served).popitem(last=own.last_is_next)
        own.last_is_next = self._from_both_ends and not own.last_is_next
        if own.fresh or own.served:
            self._owners[owner] = own
        self.size -= 1
        return item

    def pop_if(self, may: Callable[[Hashable], bool]) -> tuple[Hashable, T] | None:
        """The next one of an owner who may, and that owner; None where there is none."""
        for owner in filter(may, self._owners):
            self._owners.move_to_end(owner, last=False)
            return owner, self.pop()
        return None
