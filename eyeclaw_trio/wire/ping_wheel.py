"""The pings of all links, spread over time, by one task (PROTOCOL 2).

A task for each link would cost more memory than the rest of an idle link, and ten thousand links
pinged in one go would stall the process. Here each link has a place on a wheel, and one task goes
around it.
"""

from __future__ import annotations

import random
from typing import Final, Protocol

import structlog
import trio

from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.membership import Membership

log = structlog.get_logger(__name__)

PING_EVERY: Final = 3.0  # seconds, once around
# With ten thousand links 84 are pinged at a time, which takes some milliseconds.
SLOTS: Final = 120
# And so many before others have their turn: whoever has not answered is let go, which costs a third
# of a millisecond, and all of one slot may be those of one peer.
AT_A_TIME: Final = 16
# A round that begins later than this (seconds) says more of us than of the peers.
LATE: Final = 1.0


class Beating(Protocol):
    """What is on the wheel."""

    def beat(self, now: float, *, is_late: bool) -> None:
        """PING_EVERY has gone by since the last beat, or more where `is_late`: then nobody is
        to be blamed for his silence. Must not wait."""

    def abort(self) -> None:
        """End the connection now: the beat has failed, which would be a bug."""


class PingWheel:
    """Beats everything that is on it each PING_EVERY seconds, while `run` runs."""

    def __init__(self) -> None:
        self._slots: list[set[Beating]] = [set() for _ in range(SLOTS)]
        self._changed = Wakeup()

    def turning(self, each: Beating) -> Membership[Beating]:
        """It is on the wheel while inside."""
        # The emptier of two at random: as even as needed, without looking at all of them.
        slot = min(random.choices(self._slots, k=2), key=len)  # noqa: S311 (spread only)
        return Membership(slot, each, self._changed)

    async def run(self) -> None:
        """Go around for ever; one call at a time. Stands still while nothing is on the wheel.
        Cancellation is how it ends."""
        while True:
            await self._changed.wait()
            await self._go_around_while_any()

    async def _go_around_while_any(self) -> None:
        due = trio.current_time()
        while any(self._slots):
            for slot in self._slots:
                due += PING_EVERY / SLOTS
                await trio.sleep_until(due)
                now = trio.current_time()
                is_late = now - due > LATE
                if is_late:
                    due = now
                for count, each in enumerate(tuple(slot), start=1):
                    if count % AT_A_TIME == 0:
                        await trio.lowlevel.checkpoint()
                    try:
                        each.beat(now, is_late=is_late)
                    except Exception:
                        log.exception("socket.bug")
                        each.abort()
