"""How much parsers may do before all other tasks have had their turn (RELIABILITY 35).

A peer decides how many pieces its bytes are cut into, and each piece costs the same whether it
holds one byte or a thousand: 64 kB in chunks of one byte are 70 ms of work. What is parsed is
therefore counted, in pieces and in bytes. A few pieces are everybody's own, so that an ordinary
request never waits behind an extraordinary one; what goes beyond them comes out of one budget
that all parsers share, and of which one of them at a time gets a new share, with a pass of the
loop in between.
"""

from __future__ import annotations

from typing import Final

import trio
from attrs import define, field

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
    _turns: trio.StrictFIFOLock = field(factory=trio.StrictFIFOLock, init=False)

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

    async def renew(self) -> None:
        """Give way, then have all of it again. Who comes first goes on first.

        Cancellation leaves the budget as it was.
        """
        async with self._turns:
            await trio.lowlevel.checkpoint()
            self.refill()


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
