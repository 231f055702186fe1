"""What is done in one pass of the loop: no task that looks could tell, because those of one pass
run in any order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio


class Passes(trio.abc.Instrument):
    """Counts what is done between two passes of the loop."""

    def __init__(self) -> None:
        self.count = self.all = self.most = self.number = 0

    def before_io_wait(self, timeout: float) -> None:
        self.all += self.count
        self.most = max(self.most, self.count)
        self.count = 0
        self.number += 1

    async def watch(self, work: Callable[[], Awaitable[None]], tasks: int) -> None:
        """Let so many do this work, and count."""
        with self.counted():
            async with trio.open_nursery() as nursery:
                for _ in range(tasks):
                    nursery.start_soon(work)
            await trio.lowlevel.checkpoint()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """The passes within the block."""
        trio.lowlevel.add_instrument(self)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(self)
