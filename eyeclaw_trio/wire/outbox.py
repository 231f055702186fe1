"""What waits for one peer: put in without waiting, written together, bounded in bytes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import trio

from eyeclaw_trio.core.shares import Portion
from eyeclaw_trio.errors import HungUp
from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.frame_stream import FrameStream

# A peer that does not read what we say is let go before it costs more than this (bytes).
OUTBOX_LIMIT: Final = 1_048_576
# What is put in within one moment, before anything of it was tried, may be so many times the
# limit: questions may be long, and several be asked at once.
UNTRIED: Final = 8
# So many bytes are every socket's own. What goes beyond them is counted for its owner, however many
# sockets he has.
OWN: Final = 16_384


class Writing(IntEnum):
    """What becomes of an outbox just now."""

    CLOSED = 0
    """There is nothing to write to, not yet or not any more."""
    IDLE = 1
    DUE = 2
    """The flusher has been told."""
    WAITING = 3
    """A task waits until the peer takes more."""


# Looked at for each write: on 3.11 an enum's member costs as much as a call when it is looked up.
_CLOSED, _IDLE, _DUE, _WAITING = Writing


class Outbox:
    """Frames for one peer, in order. `limit` is in bytes; `portion` is its part of the memory that
    all share, which counts what waits and what is on its way."""

    __slots__ = (  # there may be ten thousand
        "_drained",
        "_frames",
        "_has_ended",
        "_limit",
        "_own",
        "_portion",
        "_size",
        "_writing",
    )

    def __init__(self, limit: int, portion: Portion) -> None:
        self._limit = limit
        self._own = min(OWN, limit)
        self._portion = portion
        self._frames: list[bytes] = []
        self._size = 0
        self._writing = _CLOSED
        self._drained: Wakeup | None = None
        self._has_ended = False

    def put(self, frames: Sequence[bytes]) -> bool:
        """Put these in, in any case; false where more waits now than a peer may let wait."""
        waiting = self._size
        self._frames.extend(frames)
        self._size += sum(map(len, frames))
        if self._size <= self._own:  # nearly always
            return True
        if self._writing is _WAITING and waiting > self._limit:
            return False
        return self._size <= UNTRIED * self._limit and self._portion.take(self._size - waiting)

    def open(self) -> None:
        """From now on it can be written."""
        self._writing = _IDLE

    def note_due(self) -> bool:
        """Something is to be written; whether the flusher has to be told."""
        if self._writing is not _IDLE:
            return False
        self._writing = _DUE
        return True

    def write_nowait(self, stream: FrameStream, *, parting: bool) -> bool:
        """Write as far as the system takes it now; false where `write_rest` has to follow, which
        it also has where we part. Raises as `FrameStream.write_nowait`."""
        if self._writing in (_CLOSED, _WAITING):
            return True
        self._writing = _IDLE
        data = self._take()
        try:
            is_written = not data or stream.write_nowait(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._has_ended = True  # nobody may take for written what was lost
            self._wake()
            raise
        if parting or not is_written:
            self._writing = _WAITING
            return False
        if self._portion.size:
            self._portion.release()
        self._wake()
        return True

    async def write_rest(self, stream: FrameStream) -> None:
        """Write what has been begun and what comes behind it. Raises as `FrameStream.send_all`;
        a cancelled one may leave half a frame."""
        await stream.send_all(b"")
        while data := self._take():
            await stream.send_all(data)
        if self._portion.size:
            self._portion.release()
        self._writing = _IDLE
        self._wake()

    async def drain(self) -> None:
        """Return when all that was put in is written; for one waiter at a time. Raises HungUp
        when it has ended before, or could not be written. Cancellation takes nothing back."""
        if self._drained is None:  # few ever need one
            self._drained = Wakeup()
        while not self._has_ended and (self._frames or self._writing > _IDLE):
            await self._drained.wait()
        if self._has_ended:
            raise HungUp

    def end(self) -> None:
        """Nothing is written any more: what waits is given back, as somebody may know of the socket
        for a minute still, and whoever waits for it need not wait."""
        self._has_ended = True
        self._frames.clear()
        self._size = 0
        self._writing = _CLOSED
        if self._portion.size:
            self._portion.release()
        self._wake()

    def _take(self) -> bytes:
        data = b"".join(self._frames)
        self._frames.clear()
        if self._portion.size:  # what was taken before is written
            self._portion.shrink(self._size)
        self._size = 0
        return data

    def _wake(self) -> None:
        if self._drained is not None:
            self._drained.set()
