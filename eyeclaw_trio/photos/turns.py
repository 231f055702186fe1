"""Whose work is next, where there is room for few at once: keys in turns, and no key has all of it.

A picture may be made so that opening it takes all the time that it is given. Who sends such ones
must not be the only one whose pictures are opened (RELIABILITY 36).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

import trio
from attrs import define, field

from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.core.waiting_line import WaitingLine


@define(eq=False)
class Turns:
    """Places for work, of which every owner leaves one to the others."""

    _places: Shares
    _line: WaitingLine[trio.lowlevel.Task] = field(factory=WaitingLine, init=False)

    @classmethod
    def of(cls, places: int) -> Turns:
        """So many at once; who is alone gets all but one of them."""
        return cls(Shares(places, places - 1))

    @asynccontextmanager
    async def one(self, owner: Hashable) -> AsyncIterator[None]:
        """A place of this owner's for the block, once it is his turn. Cancelled while it waits, it
        leaves the line."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._places.allows(owner, 1):  # then nobody may who waits
            self._places.move(owner, 1)
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait(owner)
        try:
            yield
        finally:
            self._places.move(owner, -1)
            self._call_next()

    async def _wait(self, owner: Hashable) -> None:
        task = trio.lowlevel.current_task()

        def leave(_: object) -> trio.lowlevel.Abort:
            self._line.discard(owner, task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._line.add(owner, task)
        await trio.lowlevel.wait_task_rescheduled(leave)

    def _call_next(self) -> None:
        while called := self._line.pop_if(lambda owner: self._places.allows(owner, 1)):
            owner, task = called
            self._places.move(owner, 1)
            trio.lowlevel.reschedule(task)
