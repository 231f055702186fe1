"""Lets newcomers do their work: some between two passes of the loop, and the others wait in line.

What a connection without a key costs is little, a third of a millisecond or so, but they come in
hundreds and may speak in one instant, and a pass of the loop in which all of them are served is a
tenth of a second for everybody else. So each piece of their work has to be admitted: the
connection itself, and whatever it says until it has shown a key (RELIABILITY 35). Where nobody
waits that costs nothing.
"""

from __future__ import annotations

import ipaddress
import time
from typing import Final

import trio
from attrs import define, field

from eyeclaw_trio.core.waiting_line import WaitingLine

# Admitted in one pass at the most.
AT_A_TIME: Final = 16
# A pass that takes longer is one in which those who are there wait for those who come (seconds):
# the first bytes of a connection are a third of a millisecond of work, a bot's handshake one.
LONG_PASS: Final = 0.003


class Share:
    """How many are admitted in the next pass: as many as keep it short.

    What one of them costs shows only afterwards, in how long the pass was.
    """

    def __init__(self) -> None:
        self.size = 1

    def note(self, took: float) -> None:
        """A pass in which so many were admitted, and more waited, has taken so long (seconds)."""
        if took > LONG_PASS:
            self.size = max(1, self.size // 2)
        else:
            self.size = min(AT_A_TIME, self.size + 1)


@define(eq=False)
class Admission:
    """Who may go on, of all newcomers of a process.

    It has no task of its own: of those who are admitted together one has the baton, and admits
    the next ones when its turn to run comes, which is a pass later.
    """

    _line: WaitingLine[trio.lowlevel.Task] = field(factory=WaitingLine)
    _share: Share = field(factory=Share)
    _left: int = 1
    _began: float = 0.0
    _baton: trio.lowlevel.Task | None = None

    async def wait(self, peer: str, *, was_served: bool = False) -> None:
        """Return when this work of a peer may be done; at once where nobody waits, which is no
        checkpoint then. `peer` is an address, or empty; who `was_served` already waits behind
        those of the same address who were not. Cancellation leaves the line."""
        if self._left > 0:
            self._left -= 1
            return
        task = trio.lowlevel.current_task()
        if self._baton is None:
            self._baton, self._began = task, time.perf_counter()
            try:
                await trio.lowlevel.checkpoint()
            finally:
                self._pass_on()
            return
        owner = network_of(peer)

        def leave(_: object) -> trio.lowlevel.Abort:
            self._line.discard(owner, task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._line.add(owner, task, was_served=was_served)
        await trio.lowlevel.wait_task_rescheduled(leave)
        if self._baton is task:
            self._pass_on()

    def _pass_on(self) -> None:
        """There has been a pass of the loop: the next ones may go on in the one that comes."""
        now = time.perf_counter()
        self._share.note(now - self._began)
        self._began = now
        admitted = [self._line.pop() for _ in range(min(self._share.size, self._line.size))]
        self._left = 0 if admitted else self._share.size
        self._baton = admitted[0] if admitted else None
        for task in admitted:
            trio.lowlevel.reschedule(task)


def network_of(peer: str) -> str:
    """Whose address it is: of IPv6 the first 64 bits, which one subscriber has all of."""
    if ":" not in peer or "." in peer:
        return peer
    return ipaddress.ip_address(peer.partition("%")[0]).exploded[:19]
