"""Reads what sockets have to say: all that is ready at a time, by one task.

trio asks the kernel anew for each wait on a socket and wakes a task for each that is ready. For a
link that is heard many times a second that is half of what its reading costs, and a reader who
says nothing keeps a task for it. Here the kernel is told once of a socket, and one task reads all
that have something to say at a time.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
import trio
from attrs import frozen

from eyeclaw_trio.wire.streams import Pollable

log = structlog.get_logger(__name__)

# So many sockets, or so many bytes of them, are read before other tasks have their turn: some
# milliseconds. Where two thousand links end in one instant a chunk of another must not wait behind
# all of them: what costs is what becomes of them, and not that they are read.
AT_A_TIME: Final = 1_000
# A peer decides how many frames its bytes are: 64 kB of the smallest are twelve milliseconds.
BYTES_AT_A_TIME: Final = 65_536
# Bytes of one socket that are read before all others have had their turn.
RECEIVE_SIZE: Final = 16_384

Take = Callable[[bytes | None], bool]
"""Takes what was received, b"" at the end, None where the connection is broken; says whether to
go on. Must not wait."""


@frozen(eq=False)
class Watch:
    """A socket that is read by the poller until `end`, which comes before it is closed."""

    stream: Pollable
    take: Take
    _number: int
    _epoll: select.epoll
    _watches: dict[int, Watch]

    def end(self) -> None:
        """Read it no longer, also where it is ready already."""
        if self._watches.get(self._number) is self:
            del self._watches[self._number]
            # Closed too early after all, it is forgotten already; and so are all when we are over.
            with suppress(OSError, ValueError):
                self._epoll.unregister(self._number)

    def read(self) -> int:
        """Read what is there, which must be called for by the kernel; returns its size in bytes.

        A bug in `take` ends the watch.
        """
        goes_on = False
        try:
            try:
                data = self.stream.receive_nowait(RECEIVE_SIZE)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.take(None)
            else:
                goes_on = data is None or (self.take(data) and data != b"")
                return len(data or b"")
        except Exception:
            log.exception("poller.bug")
        finally:
            if not goes_on:
                self.end()
        return 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.end()


class Poller:
    """Reads all watched sockets while `run` runs."""

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._watches: dict[int, Watch] = {}

    @classmethod
    def where_possible(cls) -> Poller | None:
        """A poller, on a system with epoll."""
        return cls() if hasattr(select, "epoll") else None

    def watch(self, stream: Pollable, take: Take) -> Watch:
        """Give `take` all that this socket receives, until it says that it has enough, the
        stream ends, or the watch is ended (which it is when it is left as a block, too).

        Raises trio.ClosedResourceError. One watch at a time for a socket.
        """
        number = stream.fileno()
        epoll = self._opened()
        epoll.register(number, select.EPOLLIN)
        watch = self._watches[number] = Watch(stream, take, number, epoll, self._watches)
        return watch

    async def receive(self, stream: Pollable, take: Callable[[bytes], bytes]) -> bytes:
        """Give `take` all that is received, until it returns something of it or the stream ends;
        returns what it returned then.

        `take` is called by the poller's task, with b"" at the end, and must not wait; what it
        raises is raised here. Raises as `EagerStream.receive_some`. Cancellation loses nothing:
        what has been read has been taken.
        """
        task = trio.lowlevel.current_task()
        is_waiting = True
        result: bytes | Exception = b""

        def take_on(data: bytes | None) -> bool:
            nonlocal is_waiting, result
            try:
                result = trio.BrokenResourceError() if data is None else take(data)
            except Exception as error:
                result = error
            if data and not result:
                return True
            if is_waiting:  # else what was taken has cancelled this very wait
                is_waiting = False
                trio.lowlevel.reschedule(task)
            return False

        def stop(_: object) -> trio.lowlevel.Abort:
            nonlocal is_waiting
            is_waiting = False
            watch.end()
            return trio.lowlevel.Abort.SUCCEEDED

        watch = self.watch(stream, take_on)
        await trio.lowlevel.wait_task_rescheduled(stop)
        if isinstance(result, Exception):
            raise result
        return result

    async def run(self) -> None:
        """Read for ever, until cancelled: without it nothing is received."""
        epoll = self._opened()
        ready: list[tuple[int, int]] = []
        try:
            while True:
                if ready:
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(epoll.fileno())
                    ready = epoll.poll(0, AT_A_TIME)
                del ready[: self._read(ready)]
        finally:
            self._epoll = None
            epoll.close()

    def _read(self, ready: Sequence[tuple[int, int]]) -> int:
        """Read these; returns how many of them had their turn. The others come next, before the
        kernel is asked again: it would name the same ones first."""
        size = 0
        for count, (number, _) in enumerate(ready, start=1):
            watch = self._watches.get(number)
            if watch is not None:  # else what was read just now has ended it
                size += watch.read()
            if size > BYTES_AT_A_TIME:
                return count
        return len(ready)

    def _opened(self) -> select.epoll:
        if self._epoll is None:
            self._epoll = select.epoll()
        return self._epoll
