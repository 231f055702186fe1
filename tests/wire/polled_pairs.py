"""Pairs of connected sockets with a poller that runs, and who receives from them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import trio
import trio.testing
from attrs import define, field
from socket_pairs import pair

from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.streams import EagerStream

# What is written to one end of a socket pair is there to be read at the other end at once, so
# `wait_all_tasks_blocked` returns only when all of it has been read that is going to be.
settle = trio.testing.wait_all_tasks_blocked


@asynccontextmanager
async def pairs(count: int) -> AsyncIterator[list[tuple[EagerStream, trio.SocketStream]]]:
    """So many of them."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pair()) for _ in range(count)]


@asynccontextmanager
async def running(poller: Poller) -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(poller.run)
        yield nursery
        nursery.cancel_scope.cancel()


def is_watching(poller: Poller) -> bool:
    return bool(poller._watches)


def leave_all(data: bytes) -> bytes:
    return data


@define(eq=False)
class Receiver:
    """One who receives in a task of its own, and what has become of it."""

    poller: Poller
    stream: EagerStream
    take: Callable[[bytes], bytes] = leave_all
    result: bytes | None = None
    error: Exception | None = None
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    task: trio.lowlevel.Task | None = None

    async def run(self) -> None:
        self.task = trio.lowlevel.current_task()
        with self.scope:
            try:
                self.result = await self.poller.receive(self.stream, self.take)
            except Exception as error:
                self.error = error


@define(eq=False)
class Taken:
    """A `take` that keeps all it gets, and leaves nothing until it gets `until`."""

    until: bytes | None = None
    pieces: list[bytes] = field(factory=list)

    def __call__(self, data: bytes) -> bytes:
        self.pieces.append(data)
        return data if data == self.until else b""
