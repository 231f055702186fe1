"""A transport that takes little: half of what is sent, until its tap is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.testing

from eyeclaw_trio.wire.streams import PatientStream


class Narrow(PatientStream):
    """A transport that takes `room` bytes at once and the rest when `tap` is open."""

    def __init__(self, room: int) -> None:
        super().__init__(trio.testing.memory_stream_pair()[0])
        self.room = room
        self.wire = b""
        self.tap = trio.Event()
        self.is_closed = False

    def write_nowait(self, data: bytes | memoryview) -> int:
        size = min(self.room, len(data))
        self.room -= size
        self.wire += data[:size]
        return size

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        half = len(data) // 2
        self.wire += bytes(data[:half])
        await self.tap.wait()
        self.wire += bytes(data[half:])

    async def wait_send_all_might_not_block(self) -> None:
        await self.tap.wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    async def abort(self) -> None:
        self.is_closed = True
        await trio.lowlevel.checkpoint()


async def cut_off(
    send_all: Callable[[bytes], Awaitable[None]], data: bytes, transport: Narrow
) -> None:
    """Send this through a stream over the transport, which takes half of it, and cancel that; then
    the transport takes everything."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, data)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    transport.tap.set()
