"""The stream below a WebSocket of ours: trio-websocket on top, the transport beneath.

trio-websocket speaks the protocol; this stream does three things that it does not:

- `send_texts` writes any number of text frames in one go, past the library (one lock for both);
- the transport outlives the library's `aclose`, so that a protocol error found by the library is
  told to the peer with its close code, where the library would leave a bare end;
- a library that never sees the end of its stream is not possible: `aclose` wakes its reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final

import trio

_TEXT: Final = 0x81  # FIN and opcode 1 (RFC 6455, 5.2)
_CLOSE: Final = 0x88
_PING: Final = b"\x89\x00"  # without a payload: it is only to be answered
_SHORT: Final = Struct("!BB")
_MEDIUM: Final = Struct("!BBH")
_LONG: Final = Struct("!BBQ")


def frame_text(payload: bytes) -> bytes:
    """One unmasked, unfragmented text frame, as a server sends it. `payload` is UTF-8."""
    size = len(payload)
    if size < 126:
        return _SHORT.pack(_TEXT, size) + payload
    if size < 65_536:
        return _MEDIUM.pack(_TEXT, 126, size) + payload
    return _LONG.pack(_TEXT, 127, size) + payload


def frame_close(code: int) -> bytes:
    """A close frame without a reason text."""
    return _SHORT.pack(_CLOSE, 2) + code.to_bytes(2, "big")


class FrameStream(trio.abc.Stream):
    """A stream whose transport is closed by `close_transport` and by nothing else."""

    def __init__(self, transport: trio.abc.Stream) -> None:
        self._transport = transport
        self._lock = trio.StrictFIFOLock()
        self._receiving = trio.CancelScope()
        self._is_closed = False
        self.received_at = trio.current_time()
        """When anything at all was last received (monotonic seconds)."""

    async def send_ping(self) -> None:
        """Write a WebSocket ping; raises as `send_texts`."""
        await self.send_all(_PING)

    async def send_texts(self, payloads: Iterable[bytes]) -> None:
        """Write each payload as one text frame, all in one write.

        Raises trio.ClosedResourceError after `aclose` and trio.BrokenResourceError where the
        peer is gone. A cancelled write may leave half a frame: close the transport then.
        """
        await self.send_all(b"".join([frame_text(payload) for payload in payloads]))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As `trio.abc.SendStream`, but callers take turns."""
        if self._is_closed:
            raise trio.ClosedResourceError
        async with self._lock:
            await self._transport.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the transport."""
        await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As the transport; raises trio.ClosedResourceError after `aclose`."""
        if self._is_closed:
            raise trio.ClosedResourceError
        with trio.CancelScope() as self._receiving:
            data = await self._transport.receive_some(max_bytes)
            self.received_at = trio.current_time()
            return data
        raise trio.ClosedResourceError

    async def aclose(self) -> None:
        """Nothing more is read or sent through this stream; the transport stays open."""
        self._is_closed = True
        self._receiving.cancel()
        await trio.lowlevel.checkpoint()

    async def close_transport(self, *, code: int | None = None) -> None:
        """End the connection, with a last close frame where `code` is given.

        Waits at most a second for a peer that does not read.
        """
        self._is_closed = True
        self._receiving.cancel()
        if code is not None:
            with trio.move_on_after(1.0):
                try:
                    async with self._lock:
                        await self._transport.send_all(frame_close(code))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
        await trio.aclose_forcefully(self._transport)
