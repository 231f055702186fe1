"""What every connection here is read from and written to, wrapped once where it is accepted.

trio's own `send_all` gives way to all other tasks each time, also when the system has taken
everything at once, which it nearly always does: for a chunk of an answer that is the dearest part
of the way. A `NowaitStream` is tried first, and waited for only with what did not fit. A socket
can do that (`EagerStream`); TLS and memory streams cannot, and say so by taking nothing
(`TlsStream`, `PatientStream`), so that whoever reads and writes need not know which of them it has.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import trio

RECEIVE_SIZE: Final = 65_536
"""Bytes that are read of a socket in one go, where nobody says less."""
SLICE: Final = 65_536
"""Bytes of a write whose progress is looked at: the unit of `write_timeout`."""

LOOK: Final = 2_048
"""Bytes that are read of what comes to see who it is: a request's head is shorter, mostly."""

Admission = Callable[[bytes], Awaitable[None]]
"""Returns when what has come, and begins with these bytes, may be worked on. Without them it is
what has to be done before there are any."""


class Pollable(Protocol):
    """What the kernel can be asked about, and read as soon as it says so."""

    def fileno(self) -> int:
        """The number of its file now; raises trio.ClosedResourceError when it has none."""

    def receive_nowait(self, max_bytes: int | None = None) -> bytes | None:
        """As `NowaitStream`."""


class Waits(Protocol):
    """Where one waits for what a socket has to say; as `wire.poller.Poller`."""

    async def wait_readable(self, stream: Pollable) -> None:
        """Return when there is something to read, or its end. Raises trio.ClosedResourceError.
        Cancellation changes nothing."""


class NowaitStream(Protocol):
    """A trio stream that can be tried without waiting.

    Who writes sees to it that nobody else is in the middle of a `send_all`. All of it raises
    trio.BrokenResourceError where the peer is gone, trio.ClosedResourceError after `abort`.
    """

    @property
    def peer(self) -> str:
        """The address of the other end without its port; empty for what is no socket."""

    @property
    def pollable(self) -> Pollable | None:
        """Itself, where a poller can read it; None for TLS, memory, and what is read again."""

    def settled(self) -> NowaitStream:
        """The stream to go on with: without what has been read again to its end."""

    def wait_with(self, waits: Waits) -> None:
        """Wait there for what it reads from now on, where it is a socket."""

    def write_nowait(self, data: bytes | memoryview) -> int:
        """Write what is taken now; returns how many bytes that was, 0 for none."""

    def receive_nowait(self, max_bytes: int | None = None) -> bytes | None:
        """Read what is there, b"" at the end of the stream; None when there is nothing, or it
        takes a wait to find out."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As trio's streams. Cancellation loses nothing of a socket's."""

    async def receive_admitted(self, max_bytes: int, admission: Admission) -> bytes | bytearray:
        """As `receive_some`, but what is there waits for this admission; beyond LOOK bytes not in
        our memory, where it can be left in the system's. Cancelled there it is lost."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As trio's streams. Cancellation may leave a part written: nothing can follow it."""

    async def wait_send_all_might_not_block(self) -> None:
        """As trio's streams; cancellation changes nothing."""

    async def send_eof(self) -> None:
        """Say that nothing more will be written, where this kind of stream can say so alone.
        Cancellation may come before or behind it."""

    async def abort(self) -> None:
        """Close it now, without a goodbye that a dead peer would make us wait for; also when
        cancelled."""


class EagerStream(trio.abc.HalfCloseableStream):
    """A trio.SocketStream, read and written without a wait where that is possible."""

    __slots__ = ("_socket", "_stream", "_waits")  # there may be ten thousand

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._socket = stream.socket
        self._waits: Waits | None = None

    @property
    def peer(self) -> str:
        """As `NowaitStream`."""
        return _address_of(self._socket)

    @property
    def pollable(self) -> EagerStream | None:
        """Itself."""
        return self

    def settled(self) -> EagerStream:
        """Itself."""
        return self

    def wait_with(self, waits: Waits) -> None:
        """As `NowaitStream`."""
        self._waits = waits

    def write_nowait(self, data: bytes | memoryview) -> int:
        """As `NowaitStream`."""
        try:
            return os.write(self._socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._failure() from error

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """As trio.SocketStream, but it waits first and reads then: a peer that has something to
        say is woken for it anyway, and asking before is a call in vain. Cancellation loses
        nothing."""
        while True:
            if self._waits is None:
                await trio.lowlevel.wait_readable(self.fileno())
            else:
                await self._waits.wait_readable(self)
            data = self.receive_nowait(max_bytes)
            if data is not None:
                return data

    async def receive_admitted(self, max_bytes: int, admission: Admission) -> bytes:
        """As `NowaitStream`, also when it is cancelled."""
        data = await self.receive_some(min(max_bytes, LOOK))
        await admission(data)
        if len(data) == LOOK and max_bytes > LOOK:
            return data + (self.receive_nowait(max_bytes - LOOK) or b"")
        return data

    def receive_nowait(self, max_bytes: int | None = None) -> bytes | None:
        """As `NowaitStream`."""
        try:
            return os.read(self._socket.fileno(), max_bytes or RECEIVE_SIZE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure() from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of it. A cancelled write may have left a part: nothing can follow it."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room in the system's buffer. Cancellation changes nothing."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say that nothing more comes. Cancelled, it has said nothing."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close it, also when cancelled."""
        await self._stream.aclose()

    async def abort(self) -> None:
        """As `NowaitStream`. Waits for nothing, because a socket can be closed without a wait."""
        self._socket.close()

    def fileno(self) -> int:
        """The number of its file now; raises trio.ClosedResourceError when it has none any more.

        To be asked for each time: when it is closed, its number is free for others.
        """
        number = self._socket.fileno()
        if number < 0:
            raise trio.ClosedResourceError
        return number

    def _failure(self) -> Exception:
        """What it means that the system has refused."""
        is_closed = self._socket.fileno() < 0
        return trio.ClosedResourceError() if is_closed else trio.BrokenResourceError()


class PatientStream(trio.abc.HalfCloseableStream):
    """Any stream of trio's, such as memory: it takes and gives nothing without a wait."""

    __slots__ = ("_stream",)

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    @property
    def peer(self) -> str:
        """Empty: it is no socket."""
        return ""

    @property
    def pollable(self) -> Pollable | None:
        """None: what a socket has to say is not yet what this stream has to say."""
        return None

    def settled(self) -> PatientStream:
        """Itself."""
        return self

    def wait_with(self, waits: Waits) -> None:
        """Nothing: it is no socket."""

    def write_nowait(self, data: bytes | memoryview) -> int:  # noqa: ARG002
        """Nothing is ever taken."""
        return 0

    def receive_nowait(self, max_bytes: int | None = None) -> bytes | None:  # noqa: ARG002
        """Nothing is ever there."""
        return None

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As the stream below; cancellation loses nothing."""
        return await self._stream.receive_some(max_bytes)

    async def receive_admitted(self, max_bytes: int, admission: Admission) -> bytes | bytearray:
        """As `NowaitStream`, also when it is cancelled."""
        data = await self._stream.receive_some(max_bytes)
        await admission(bytes(data[:LOOK]))
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream below. A cancelled write may have left a part: TLS is broken then."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does. Cancellation changes nothing."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say that nothing more comes, where that can be said alone. Cancelled, it has said
        nothing."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Say goodbye and close; cancelled, it is closed without a goodbye."""
        await self._stream.aclose()

    async def abort(self) -> None:
        """Close it now, also when cancelled."""
        await trio.aclose_forcefully(self._stream)


class ReplayedStream(trio.abc.Stream):
    """A stream whose first bytes have been read once already, and are read again.

    The front door reads a request's head to route it; the WebSocket library wants to read it too.
    All else passes through to the stream below. `head_size` is the size of the request in bytes,
    without what its sender may have sent early behind it.
    """

    def __init__(self, replay: bytes, stream: NowaitStream, *, head_size: int) -> None:
        self.head_size = head_size
        self._replay: memoryview | None = memoryview(replay)
        self._stream = stream

    @property
    def peer(self) -> str:
        """As `NowaitStream`."""
        return self._stream.peer

    @property
    def pollable(self) -> Pollable | None:
        """None while something is left to be read again."""
        return None if self._replay else self._stream.pollable

    def settled(self) -> NowaitStream:
        """The stream below, once nothing is left to be read again."""
        return self if self._replay else self._stream

    def wait_with(self, waits: Waits) -> None:
        """As the stream below."""
        self._stream.wait_with(waits)

    def write_nowait(self, data: bytes | memoryview) -> int:
        """As the stream below."""
        return self._stream.write_nowait(data)

    def receive_nowait(self, max_bytes: int | None = None) -> bytes | None:
        """First what is replayed, then what the stream has."""
        if self._replay:
            return self._take(max_bytes)
        return self._stream.receive_nowait(max_bytes)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """First what is replayed, then what the stream has; cancellation loses nothing."""
        if self._replay:
            await trio.lowlevel.checkpoint()
            return self._take(max_bytes)
        return await self._stream.receive_some(max_bytes)

    async def receive_admitted(self, max_bytes: int, admission: Admission) -> bytes | bytearray:
        """What is replayed was admitted, and is not lost by a cancellation; else as the stream
        below, where it may be."""
        if self._replay:
            return await self.receive_some(max_bytes)
        return await self._stream.receive_admitted(max_bytes, admission)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of it. A cancelled write may have left a part: nothing can follow it."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does. Cancellation changes nothing."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say that nothing more comes, as the stream below can. Cancelled, it has said nothing."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """As `abort`: closed now, also when cancelled."""
        await self.abort()

    async def abort(self) -> None:
        """Close the stream below now, also when cancelled."""
        await self._stream.abort()

    def _take(self, max_bytes: int | None) -> bytes:
        replay = self._replay or memoryview(b"")
        piece = bytes(replay[:max_bytes])
        self._replay = replay[len(piece) :] or None
        return piece


def _address_of(socket: trio.socket.SocketType) -> str:
    try:
        name = socket.getpeername()
    except OSError:
        return ""
    # Behind a proxy thousands have the same one, and keep it.
    return sys.intern(name[0]) if isinstance(name, tuple) else ""
