"""Reads what sockets have to say: all that is ready at a time, by one task.

trio asks the kernel anew for each wait on a socket and wakes a task for each that is ready. For a
link that is heard many times a second that is half of what its reading costs, and a reader who
says nothing keeps a task for it. Here the kernel is told once of a socket, and one task reads all
that have something to say at a time.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
import trio
from attrs import define, frozen

from eyeclaw_trio.wire.streams import Pollable

log = structlog.get_logger(__name__)

# So many sockets, or so many bytes of them, or for so long (seconds), are read before other tasks
# have their turn. Ten bots that say all they can are cut short by the time alone: at 3 ms a chunk
# cost 9 % more than without any bound, at 5 ms 2 %, at 8 ms 1 %.
AT_A_TIME: Final = 1_000
BYTES_AT_A_TIME: Final = 262_144
SECONDS_AT_A_TIME: Final = 0.005
# And so many of those whose peer has ended, behind all others. Where two thousand links end in one
# instant a chunk of another must not wait behind all of them: what costs is what becomes of them,
# half a millisecond for each in the passes that follow, and not that they are read.
ENDS_AT_A_TIME: Final = 100
# An answer that is not read any more counts for so many: unlike a bot nobody comes back, and
# all readers of one key may leave in one instant.
ANSWER_END: Final = 10
# A WebSocket's for so many: all chat clients of one key may leave in one instant, too, a third of a
# millisecond each.
SOCKET_END: Final = 4
_ENDED: Final = 0x2018  # EPOLLRDHUP, EPOLLHUP, EPOLLERR: names that other systems do not have
# Bytes of one socket that are read in one go. A peer decides how many frames its bytes are: 64 kB
# of chunks are a millisecond of work, of the smallest frames twenty. So it is found out: who fills
# what was asked for, and is quick, is read in larger portions (a seventh of what a chunk costs at
# saturation), who takes long in smaller ones. Both in seconds.
FIRST_SIZE: Final = 16_384  # at first
_LEAST_SIZE, _LARGEST_SIZE = 4_096, 65_536
_QUICK, _SLOW = 0.0015, 0.004

# Who is only told that there is something to read counts for so many bytes: they are 32 in a pass,
# and each is a twentieth of a millisecond before it stands in any line.
SOMETHING: Final = bytes(8_192)

Take = Callable[[bytes | None], bool]
"""Takes what was received, b"" at the end, None where the connection is broken; says whether to
go on. Must not wait."""


@define(eq=False, weakref_slot=False)  # there may be thousands
class Watch:
    """A socket that is read by the poller until `end`, which comes before it is closed."""

    stream: Pollable
    take: Take
    _number: int
    _epoll: select.epoll
    _watches: dict[int, Watch]
    end_size: int = 1
    size: int = FIRST_SIZE

    def end(self) -> None:
        """Read it no longer, also where it is ready already."""
        if self.is_on:
            del self._watches[self._number]
            # Closed too early after all, it is forgotten already; and so are all when we are over.
            with suppress(OSError, ValueError):
                self._epoll.unregister(self._number)

    @property
    def is_on(self) -> bool:
        """Whether it is still to be read."""
        return self._watches.get(self._number) is self

    def set_aside(self) -> None:
        """Be named by the kernel no more: the peer has ended, and all it has said is there."""
        with suppress(OSError, ValueError):
            self._epoll.unregister(self._number)

    def read(self) -> int:
        """Read what is there, which must be called for by the kernel; returns its size in bytes.

        A bug in `take` ends the watch.
        """
        goes_on = False
        try:
            try:
                data = self.stream.receive_nowait(self.size)
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

    def fit(self, size: int, took: float) -> None:
        """What was read has this size, and took so many seconds: ask for less of who takes long,
        for more of who fills what was asked for."""
        if took > _SLOW:
            self.size = max(_LEAST_SIZE, self.size // 2)
        elif size == self.size and took < _QUICK:
            self.size = min(_LARGEST_SIZE, self.size * 2)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.end()


class _Receiving:
    """One wait for what a socket receives; smaller than functions within a function, because there
    may be ten thousand."""

    __slots__ = ("_take", "_task", "result", "watch")

    def __init__(self, take: Callable[[bytes], bytes | None]) -> None:
        self.result: bytes | Exception | None = b""
        self.watch: Watch | None = None
        """None before the wait and behind it."""
        self._take = take
        self._task = trio.lowlevel.current_task()

    def take_on(self, data: bytes | None) -> bool:
        """For the watch: go on, or end the wait with a result."""
        if data:
            try:
                self.result = self._take(data)
            except Exception as error:
                self.result = error
            if self.result == b"":
                return True
        elif data is None:
            self.result = trio.BrokenResourceError()
        if self.watch is not None:  # else what was taken has cancelled this very wait
            self.watch = None
            trio.lowlevel.reschedule(self._task)
        return False

    def stop(self, _: object) -> trio.lowlevel.Abort:
        """The wait is cancelled."""
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.end()
        return trio.lowlevel.Abort.SUCCEEDED


@frozen
class _Untouched:
    """A socket that is only looked at: somebody else reads it when it has something to say."""

    _stream: Pollable

    def fileno(self) -> int:
        return self._stream.fileno()

    def receive_nowait(self, _: int | None = None) -> bytes:
        return SOMETHING


class Poller:
    """Reads all watched sockets while `run` runs. `clock` is real time, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._epoll: select.epoll | None = None
        self._watches: dict[int, Watch] = {}
        self._ending: deque[Watch] = deque()

    @classmethod
    def where_possible(cls) -> Poller | None:
        """A poller, on a system with epoll."""
        return cls() if hasattr(select, "epoll") else None

    def watch(
        self, stream: Pollable, take: Take, *, end_size: int = 1, size: int | None = None
    ) -> Watch:
        """Give `take` all that this socket receives, until it says that it has enough, the
        stream ends, or the watch is ended (which it is when it is left as a block, too). Its end
        counts for so many; at first it is read in portions of this size (bytes).

        Raises trio.ClosedResourceError. One watch at a time for a socket.
        """
        number = stream.fileno()
        epoll = self._opened()
        epoll.register(number, select.EPOLLIN | _ENDED)
        watch = Watch(stream, take, number, epoll, self._watches, end_size, size or FIRST_SIZE)
        self._watches[number] = watch
        return watch

    async def receive(
        self, stream: Pollable, take: Callable[[bytes], bytes | None]
    ) -> bytes | None:
        """Give `take` all that a WebSocket receives, until it returns something of it, which is
        returned here, or the stream ends, and b"" is; or None, where it will take no more for now.

        `take` is called by the poller's task and must not wait; what it raises is raised here.
        Raises as `EagerStream.receive_some`. Cancellation loses nothing: what has been read has
        been taken.
        """
        receiving = _Receiving(take)
        receiving.watch = self.watch(stream, receiving.take_on, end_size=SOCKET_END)
        await trio.lowlevel.wait_task_rescheduled(receiving.stop)
        if isinstance(receiving.result, Exception):
            raise receiving.result
        return receiving.result

    async def wait_readable(self, stream: Pollable) -> None:
        """Return when there is something to read, or its end. Of thousands who speak in one
        instant some go on in each pass of the loop.

        Raises trio.ClosedResourceError. Cancellation changes nothing.
        """
        await self.receive(_Untouched(stream), bytes)

    async def run(self) -> None:
        """Read for ever, until cancelled: without it nothing is received."""
        epoll = self._opened()
        ready: list[int] = []
        try:
            while True:
                if ready or self._ending:
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(epoll.fileno())
                if not ready:
                    ready = self._without_ended(epoll.poll(0, AT_A_TIME))
                del ready[: self._read(ready)]
                self._read_ended()
        finally:
            self._epoll = None
            self._ending.clear()
            epoll.close()

    def _without_ended(self, named: Sequence[tuple[int, int]]) -> list[int]:
        """Those of the sockets that the kernel has named whose peer goes on; the others are set
        aside, where they wait for `_read_ended`."""
        ready = []
        for number, events in named:
            if not events & _ENDED:
                ready.append(number)
            elif (watch := self._watches.get(number)) is not None:
                watch.set_aside()
                self._ending.append(watch)
        return ready

    def _read_ended(self) -> None:
        """Read some of those whose peer has ended, each until its end is read."""
        until = self._clock() + SECONDS_AT_A_TIME if self._ending else 0.0
        left = ENDS_AT_A_TIME
        for _ in range(len(self._ending)):
            watch = self._ending.popleft()
            left -= watch.end_size
            if watch.is_on:  # else it was ended meanwhile
                watch.read()
            if watch.is_on:
                self._ending.append(watch)
            if left <= 0 or self._clock() > until:
                break

    def _read(self, ready: Sequence[int]) -> int:
        """Read these; returns how many of them had their turn. The others come next, before the
        kernel is asked again: it would name the same ones first."""
        total, now = 0, self._clock()
        until = now + SECONDS_AT_A_TIME
        for count, number in enumerate(ready, start=1):
            watch = self._watches.get(number)
            if watch is not None:  # else what was read just now has ended it
                size = watch.read()
                began, now = now, self._clock()
                watch.fit(size, now - began)
                total += size
            if total > BYTES_AT_A_TIME or now > until:
                return count
        return len(ready)

    def _opened(self) -> select.epoll:
        if self._epoll is None:
            self._epoll = select.epoll()
        return self._epoll
