"""Bytes given back before an upgrade: a stream that is read again from an earlier point."""

from __future__ import annotations

import trio

from eyeclaw_trio.wire.eager_stream import write_nowait


class ReplayedStream(trio.abc.Stream):
    """A stream whose first bytes have been read once already, and are read again.

    The front door reads a request's head to route it; the WebSocket library wants to read it too.
    All else passes through to the stream below. `head_size` is the size of the request in bytes,
    without what its sender may have sent early behind it.
    """

    def __init__(self, replay: bytes, stream: trio.abc.Stream, *, head_size: int) -> None:
        self.head_size = head_size
        self._replay: memoryview | None = memoryview(replay)
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """First what is replayed, then what the stream has; as `trio.abc.ReceiveStream`."""
        if self._replay:
            await trio.lowlevel.checkpoint()
            size = len(self._replay) if max_bytes is None else max_bytes
            piece = bytes(self._replay[:size])
            self._replay = self._replay[size:] or None
            return piece
        return await self._stream.receive_some(max_bytes)

    def unwrap(self) -> trio.abc.Stream:
        """The stream below, once nothing is left to be read again."""
        return self if self._replay else self._stream

    def write_nowait(self, data: bytes | memoryview) -> int:
        """As the stream below, where it can do that."""
        return write_nowait(self._stream, data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream below."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream below."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As the stream below."""
        await self._stream.aclose()
