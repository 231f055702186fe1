"""A socket's stream that can be written to without waiting.

trio's own `send_all` gives way to all other tasks each time, also when the system has taken
everything at once, which it nearly always does: for a chunk of an answer that is the dearest part
of the way. Here the writer tries first, and waits only for what did not fit.
"""

from __future__ import annotations

import os
from typing import Final

import trio

_RECEIVE_SIZE: Final = 65_536  # bytes


class EagerStream(trio.abc.HalfCloseableStream):
    """A trio.SocketStream, and reading and writing without a wait. All else is as there."""

    __slots__ = ("_socket", "_stream")  # there may be ten thousand

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._socket = stream.socket

    def write_nowait(self, data: bytes | memoryview) -> int:
        """Write what the system takes now; returns how many bytes that was, 0 for none.

        The caller sees to it that nobody else is in the middle of a `send_all`. Raises
        trio.BrokenResourceError where the peer is gone, trio.ClosedResourceError after `aclose`.
        """
        try:
            return os.write(self.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """As trio.SocketStream, but it waits first and reads then: a peer that has something to
        say is woken for it anyway, and asking before is a call in vain."""
        while True:
            await trio.lowlevel.wait_readable(self.fileno())
            data = self.receive_nowait(max_bytes)
            if data is not None:
                return data

    def receive_nowait(self, max_bytes: int | None = None) -> bytes | None:
        """Read what is there, b"" at the end of the stream; None when there is nothing.

        Raises as `receive_some`.
        """
        try:
            return os.read(self.fileno(), max_bytes or _RECEIVE_SIZE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As trio.SocketStream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As trio.SocketStream."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """As trio.SocketStream."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """As trio.SocketStream."""
        await self._stream.aclose()

    def fileno(self) -> int:
        """The number of its file now; raises trio.ClosedResourceError when it has none any more.

        To be asked for each time: when it is closed, its number is free for others.
        """
        number = self._socket.fileno()
        if number < 0:
            raise trio.ClosedResourceError
        return number


def write_nowait(stream: trio.abc.Stream, data: bytes | memoryview) -> int:
    """Write what `stream` takes without waiting; 0 where it cannot do that (TLS, for one).

    Raises as `EagerStream.write_nowait`.
    """
    write = getattr(stream, "write_nowait", None)
    return write(data) if write is not None else 0
