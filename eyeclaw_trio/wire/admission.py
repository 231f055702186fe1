"""Lets newcomers do their work: some between two passes of the loop, and the others wait in line.

What a connection without a key costs is little, a third of a millisecond or so, but they come in
hundreds and may speak in one instant, and a pass of the loop in which all of them are served is a
tenth of a second for everybody else. So each piece of their work has to be admitted: the
connection itself, and whatever it says until it has shown a key (RELIABILITY 35). Where nobody
waits that costs nothing.

Where many wait, what they begin with is looked at first, which costs little: who has a key does not
wait for a crowd that comes from the same address, as behind a proxy all do. Of those whom nothing
sets apart who came last and who has waited longest go on in turns.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Hashable
from typing import Final

from attrs import define, field, frozen

from eyeclaw_trio.core.waiting_line import WaitingLine
from eyeclaw_trio.wire.baton import Baton, Task

# Admitted in one pass at the most, and at the least: a pass that is long with so few is long for
# what others do in it, and whoever comes would wait for many of those.
AT_A_TIME: Final = 16
AT_LEAST: Final = 4
# Beside them so many go on without a wait who have nobody before them: each wait is a pass of the
# loop, and a TLS handshake with its question has four. Beside 240 of them a stranger's took 33 to
# 37 ms (RSA); so it is 23 to 26.
FIRSTS: Final = 2
# A pass that takes longer is one in which those who are there wait for those who come (seconds):
# the first bytes of a connection are a third of a millisecond of work, a bot's handshake one.
LONG_PASS: Final = 0.003


@frozen
class Glimpse:
    """What the first bytes of a newcomer show: whose key it is (`is_known`, checked again later),
    or what else sets it apart from the others of its address."""

    owner: Hashable
    is_known: bool = False


Look = Callable[[bytes], Glimpse | None]
"""Says what first bytes show; None for nothing. Costs little, and never raises."""


class Share:
    """How many are admitted in the next pass: as many as keep it short, and so many at the least
    and at the most.

    What one of them costs shows only afterwards, in how long the pass was.
    """

    def __init__(self, at_least: int = AT_LEAST, at_a_time: int = AT_A_TIME) -> None:
        self._at_least, self._at_a_time = at_least, at_a_time
        self.size = at_least

    def note(self, took: float) -> None:
        """A pass in which so many were admitted, and more waited, has taken so long (seconds)."""
        if took > LONG_PASS:
            self.size = max(self._at_least, self.size // 2)
        else:
            self.size = min(self._at_a_time, self.size + 1)


@define(eq=False)
class Admission:
    """Who may go on, of all newcomers of a process."""

    _known: WaitingLine[Task] = field(factory=lambda: WaitingLine(from_both_ends=True))
    _others: WaitingLine[Task] = field(factory=lambda: WaitingLine(from_both_ends=True))
    _known_is_next: bool = True
    _share: Share = field(factory=Share)
    _left: int = AT_LEAST
    _firsts: int = FIRSTS
    _began: float = 0.0
    _baton: Baton = field(init=False)

    @_baton.default
    def _at_rest(self) -> Baton:
        return Baton(self._choose)

    @property
    def is_busy(self) -> bool:
        """Whether who comes now has to wait, and would do well to show something."""
        return self._left <= 0

    async def wait(
        self, peer: str, *, was_served: bool = False, glimpse: Glimpse | None = None
    ) -> None:
        """Return when this work of a peer may be done; at once where nobody waits, and for FIRSTS
        in a pass beside whom nobody of the same owner does, which is no checkpoint then. `peer`
        is an address, or empty; who `was_served` already waits behind those of the same address
        who were not. Those who are known by a `glimpse` have a line of their own, by whose they
        are, and every second turn. Cancellation leaves the line."""
        if self._left > 0:
            self._left -= 1
            return
        line, owner = self._line_for(peer, glimpse)
        if self._baton.is_at_rest:
            self._began = time.perf_counter()
        # Who was served has shown that he can wait, and one of them might ask again and again.
        elif self._firsts > 0 and not was_served and not line.of(owner):
            self._firsts -= 1
            return
        await self._baton.wait(
            lambda task: line.add(owner, task, was_served=was_served),
            lambda task: line.discard(owner, task),
        )

    async def wait_as(self, owner: Hashable) -> None:
        """The same for work of somebody who is known by now; also when it is cancelled."""
        await self.wait("", glimpse=Glimpse(owner, is_known=True))

    def _choose(self) -> list[Task]:
        """Who may go on in the pass that comes; there has been one."""
        now = time.perf_counter()
        self._share.note(now - self._began)
        self._began, self._firsts = now, FIRSTS
        waiting = self._known.size + self._others.size
        admitted = [self._pop() for _ in range(min(self._share.size, waiting))]
        self._left = 0 if admitted else self._share.size
        return admitted

    def _line_for(self, peer: str, glimpse: Glimpse | None) -> tuple[WaitingLine[Task], Hashable]:
        """Which line one stands in, and among whom."""
        if glimpse is None:
            return self._others, network_of(peer)
        if glimpse.is_known:
            return self._known, glimpse.owner
        return self._others, (glimpse.owner, network_of(peer))

    def _pop(self) -> Task:
        """The next one: of those who are known and of the others in turns."""
        is_known = self._known.size > 0 and (self._known_is_next or not self._others.size)
        self._known_is_next = not is_known
        return (self._known if is_known else self._others).pop()


def network_of(peer: str) -> str:
    """Whose address it is: of IPv6 the first 64 bits, which one subscriber has all of."""
    if ":" not in peer or "." in peer:
        return peer
    return ipaddress.ip_address(peer.partition("%")[0]).exploded[:19]
