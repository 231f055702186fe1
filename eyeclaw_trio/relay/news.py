"""Those who wait for the same news, some of whom hear it in each pass of the loop.

One answer can be followed by thousands. To wake a task and let it find out what there is costs two
hundredths of a millisecond, and all of them would be woken in one pass.
"""

from __future__ import annotations

from typing import Final

import trio

# Woken in one pass: what becomes of them is a few milliseconds.
AT_A_TIME: Final = 16


class News:
    """Wakes all who wait when it is told, in the order in which they came."""

    __slots__ = ("_awake", "_lot", "_owed")  # one for each answer that is kept

    def __init__(self) -> None:
        self._lot = trio.lowlevel.ParkingLot()
        self._owed = 0  # those at the front who are to be woken still
        self._awake = 0  # woken, and not yet gone on

    def tell(self) -> None:
        """All who wait now are woken, soon or a little later."""
        self._owed = len(self._lot)
        self._wake()

    async def wait(self) -> None:
        """Return when there was news since this was called, or once without any: look what there
        is. Cancellation changes nothing."""
        await self._lot.park()
        self._awake -= 1
        self._wake()

    def _wake(self) -> None:
        count = min(self._owed, AT_A_TIME - self._awake, len(self._lot))
        if count > 0:
            self._owed -= count
            self._awake += count
            self._lot.unpark(count=count)
