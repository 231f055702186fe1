"""How much parsers may do before all other tasks have had their turn (RELIABILITY 35).

A peer decides how many pieces its bytes are cut into, and each piece costs the same whether it
holds one byte or a thousand: 64 kB in chunks of one byte are 70 ms of work. What is parsed is
therefore counted, in pieces and in bytes. A few pieces are everybody's own, so that an ordinary
request never waits behind an extraordinary one; what goes beyond them comes out of one budget
that all parsers share. It is full again after a pass of the loop: those who have found it empty go
on then as far as it goes, who came first first.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

from eyeclaw_trio.wire.baton import Baton, Task

# A share: about a millisecond of work at some eight microseconds for a piece. A pass of the loop
# takes one new connection, so that short passes are what keeps those who come from waiting.
ITEMS: Final = 128
SIZE: Final = 131_072  # bytes
# Everybody's own, for each message: a head, a body in some pieces, and its end. A thousand peers
# that use all of it in one instant cost the others fifty milliseconds, not seconds.
OWN_ITEMS: Final = 8
OWN_SIZE: Final = 131_072  # bytes


@define(eq=False)
class Budget:
    """What all parsers together may do between two passes of the loop."""

    items: int = ITEMS
    size: int = SIZE
    _items_left: int = field(init=False)
    _size_left: int = field(init=False)
    _waiting: dict[Task, tuple[int, int]] = field(factory=dict, init=False)
    _baton: Baton = field(init=False)

    @_baton.default
    def _at_rest(self) -> Baton:
        return Baton(self._choose)

    def __attrs_post_init__(self) -> None:
        self.refill()

    def spend(self, items: int = 1, size: int = 0) -> bool:
        """Take this much of it; false when nothing is left now: `renew` before going on."""
        self._items_left -= items
        self._size_left -= size
        return self._items_left > 0 and self._size_left > 0

    def refill(self) -> None:
        """There has been a pass of the loop: all of it is there again. For those whose parser is
        called by a task that gives way itself; all others wait in `renew`."""
        self._items_left = self.items
        self._size_left = self.size

    async def renew(self, items: int = 0, size: int = 0) -> None:
        """Give way, and go on when there is some of it for the caller: for what it does next, in
        items and bytes, which is taken of it; without both all of it, which it spends itself.
        Who comes first goes on first.

        Cancellation takes nothing.
        """
        await self._baton.wait(
            lambda task: self._waiting.__setitem__(task, (items, size)), self._waiting.__delitem__
        )

    def _choose(self) -> list[Task]:
        """Who may go on in the pass that comes; there has been one."""
        self.refill()
        chosen: list[Task] = []
        is_left = True
        while self._waiting and is_left:
            task, needed = next(iter(self._waiting.items()))
            if needed == (0, 0) and chosen:
                break  # all of it is for the next pass
            del self._waiting[task]
            chosen.append(task)
            is_left = needed != (0, 0) and self.spend(*needed)
        return chosen


class Allowance:
    """One parser's part for one message: first its own, then of the budget that all share."""

    __slots__ = ("_budget", "_items_left", "_size_left")  # there may be ten thousand

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.restart()

    def restart(self) -> None:
        """Another message begins."""
        self._items_left = OWN_ITEMS
        self._size_left = OWN_SIZE

    def spend(self, items: int = 1, size: int = 0) -> bool:
        """Count a piece that was parsed; false when others have to have their turn first."""
        self._items_left -= items
        self._size_left -= size
        if self._items_left >= 0 and self._size_left >= 0:
            return True
        return self._budget.spend(items, size)

    async def renew(self) -> None:
        """As `Budget.renew`, also when it is cancelled."""
        await self._budget.renew()
