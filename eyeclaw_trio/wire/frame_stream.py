"""The stream below a WebSocket of ours: trio-websocket on top, the transport beneath.

trio-websocket speaks the protocol; this stream does four things that it does not:

- `sift` takes simple text frames out of what comes in, all of one receive in one pass, so that no
  task is woken for each of them (PERFORMANCE, "The frame shortcut");
- `write_nowait` writes any number of frames in one go, past the library (one lock for both);
- the transport outlives the library's `aclose`, so that a protocol error found by the library is
  told to the peer with its close code, where the library would leave a bare end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from eyeclaw_trio.errors import SlowReader
from eyeclaw_trio.protocol.frames import FRAMES_AT_A_TIME, TEXTS_AT_A_TIME, FrameSieve, frame_close
from eyeclaw_trio.wire.budget import Budget
from eyeclaw_trio.wire.poller import FIRST_SIZE
from eyeclaw_trio.wire.services import Services
from eyeclaw_trio.wire.streams import SLICE, NowaitStream

# How long a slice of a write must have taken to show that it waited for the peer and not for us
# (seconds).
WAITED: Final = 0.01


class FrameStream(trio.abc.Stream):
    """A stream whose transport is closed by `close_transport` and by nothing else.

    It begins with a handshake of `handshake_size` bytes, which is all that is read of it until
    `sift`: what a peer sends early goes the same way as what it sends later.
    """

    __slots__ = (  # there may be ten thousand
        "_begun",
        "_handshake_left",
        "_is_closed",
        "_is_midway",
        "_lock",
        "_moved_at",
        "_on_sifted",
        "_services",
        "_sieve",
        "_sifted",
        "_transport",
        "_write_timeout",
        "received_at",
    )

    def __init__(
        self,
        transport: NowaitStream,
        *,
        handshake_size: int = 0,
        write_timeout: float = float("inf"),
    ) -> None:
        self._transport = transport
        self._handshake_left = handshake_size
        self._write_timeout = write_timeout
        self._sifted: trio.Event | None = trio.Event()
        self._sieve: FrameSieve | None = None
        self._services: Services | None = None
        self._on_sifted: Callable[[FrameSieve], None] = _ignore
        self._lock = trio.StrictFIFOLock()
        self._begun = b""  # the rest of a write that was begun: nothing else may come before it
        self._is_closed = False
        self._is_midway = False  # in a write, or it was cut off there: nothing may follow it
        self.received_at = trio.current_time()
        """When anything at all was last received (monotonic seconds)."""
        self._moved_at = 0.0  # when the peer last took something that it had let wait

    def sift(
        self,
        sieve: FrameSieve,
        services: Services,
        on_sifted: Callable[[FrameSieve], None] | None = None,
    ) -> None:
        """The handshake is over: from now on all that comes goes through this sieve, and
        `on_sifted` is called where a message has begun and is not there to its end, and once when
        there is none any more.

        What the sieve's `take` raises is raised in the library's reader: it ends the nursery of
        this socket. A socket is read by the poller's task, where there is one, as long as there is
        nothing for the library; what the library gets comes out of the budget.
        """
        self._transport = self._transport.settled()
        self._sieve, self._services = sieve, services
        self._on_sifted = on_sifted or _ignore
        if self._sifted is not None:
            self._sifted.set()
            self._sifted = None

    @property
    def peer(self) -> str:
        """As `NowaitStream`."""
        return self._transport.peer

    @property
    def lived_at(self) -> float:
        """When the peer last gave a sign of life (monotonic seconds): it has sent something, or
        taken something that had to wait for it."""
        return max(self.received_at, self._moved_at)

    def stop(self) -> None:
        """The peer is told to go: only its close frame counts from now on."""
        if self._sieve is not None:
            self._sieve.stop()

    def allow(self, limit: int) -> None:
        """Messages may have so many bytes from now on."""
        if self._sieve is not None:
            self._sieve.limit = limit

    def note_message(self) -> None:
        """A message has come out of the library, and been looked at."""
        if self._sieve is not None:
            self._sieve.note_message()

    def write_nowait(self, data: bytes) -> bool:
        """Write what the system takes now; false where a rest is left. It goes out before
        anything else that is written, and `send_all(b"")` waits for that.

        Raises as `send_all`.
        """
        if self._is_closed:
            raise trio.ClosedResourceError
        if self._is_midway and not self._lock.locked():
            raise trio.BrokenResourceError  # its peer would take this for the rest of a frame
        if self._begun or self._is_midway:
            self._begun += data
        else:
            self._begun = data[self._transport.write_nowait(data) :]
        return not self._begun

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As `trio.abc.SendStream`, but callers take turns.

        Raises trio.ClosedResourceError after `aclose`, trio.BrokenResourceError where the peer is
        gone, and SlowReader where it did not take a slice within `write_timeout`. A cancelled
        write may leave half a frame: whoever writes behind it gets trio.BrokenResourceError.
        """
        if self._is_closed:
            raise trio.ClosedResourceError
        async with self._lock:
            if self._is_midway:
                raise trio.BrokenResourceError
            if self._begun:
                data, self._begun = self._begun + data, b""
            view = memoryview(data)
            self._is_midway = True  # until all of it is written
            for start in range(0, len(view), SLICE):
                began = trio.current_time()
                with trio.move_on_after(self._write_timeout) as progress:
                    await self._transport.send_all(view[start : start + SLICE])
                if progress.cancelled_caught:
                    raise SlowReader
                if trio.current_time() - began > WAITED:
                    self._moved_at = trio.current_time()
            self._is_midway = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room in the transport's buffer. Cancellation changes nothing."""
        await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """What is the library's; raises trio.ClosedResourceError after `aclose`.

        It may be up to a frame more than `max_bytes`: one that was held back until it was whole.
        Cancellation loses nothing of what a poller has read, and else what was read just now.
        """
        if self._handshake_left and not self._is_closed:
            data = bytes(await self._transport.receive_some(self._handshake_left))
            self._handshake_left -= len(data)
            self.received_at = trio.current_time()
            return data
        if self._sifted is not None and not self._is_closed:
            await self._sifted.wait()
        while not self._is_closed and self._sieve is not None and self._services is not None:
            budget, poller = self._services.budget, self._services.poller
            pollable = self._transport.pollable
            if self._sieve.has_more:
                left = self._sift(b"") or b""
            elif poller is not None and pollable is not None:
                # Waited for here: a frame of its own would be memory, of ten thousand idle links.
                received = await poller.receive(pollable, self._sift)
                if received == b"":
                    return self._sieve.finish()
                left = received or b""
            else:
                data = await self._receive_itself(min(max_bytes or FIRST_SIZE, FIRST_SIZE), budget)
                if not data:
                    return self._sieve.finish()
                left = self._sift(data) or b""
            if self._sieve.has_more and not left:
                await budget.renew(TEXTS_AT_A_TIME)  # many small ones: others have their turn
            elif left:
                if not budget.spend(FRAMES_AT_A_TIME):
                    await budget.renew(FRAMES_AT_A_TIME)
                return left
        raise trio.ClosedResourceError

    async def _receive_itself(self, size: int, budget: Budget) -> bytes:
        data = bytes(await self._transport.receive_some(size))
        if data and not budget.spend(0, len(data)):
            await budget.renew(0, len(data))
        return data

    def _sift(self, data: bytes) -> bytes | None:
        """What is the library's of this; the rest is taken. None where there is more to be taken,
        which must wait."""
        self.received_at = trio.current_time()
        sieve = self._sieve
        if sieve is None:
            return data
        was_midway = sieve.is_midway
        left = sieve.sift(data)
        if was_midway or sieve.is_midway:  # seldom
            self._on_sifted(sieve)
        return None if sieve.has_more and not left else left

    async def aclose(self) -> None:
        """Nothing more is read or sent through this stream; the transport stays open.

        A reader that waits already is not woken by it: its nursery ends it, or
        `close_transport`. Cancellation changes nothing.
        """
        self._is_closed = True
        await trio.lowlevel.checkpoint()

    async def close_transport(self, *, code: int | None = None) -> None:
        """End the connection, with a last close frame where `code` is given and no write was cut
        off: the peer would take it for the rest of that.

        Waits at most a second for a peer that does not read; the connection ends also when
        cancelled.
        """
        self._is_closed = True
        if code is not None:
            with trio.move_on_after(1.0):
                try:
                    async with self._lock:  # behind a write that is under way
                        if not self._is_midway:
                            await self._transport.send_all(self._begun + frame_close(code))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
        self._begun = b""
        await self._transport.abort()


def _ignore(_: FrameSieve) -> None:
    """Nobody wants to know what was sifted."""
