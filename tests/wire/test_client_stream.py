"""The stream below a WebSocket on the client's side."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from narrow_transport import Narrow, cut_off

from eyeclaw_trio.wire.connect import ClientStream


async def test_nothing_follows_a_frame_that_was_cut_off() -> None:
    transport = Narrow(0)
    stream = ClientStream(transport)
    await cut_off(stream.send_all, b"PONG", transport)
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"abc")
    with stream.hold():
        await stream.send_all(b"def")
    with pytest.raises(trio.BrokenResourceError):
        await stream.drain()
    assert transport.wire == b"PO"  # a gateway would take the next frame for the rest of this one


async def test_who_waits_behind_a_frame_that_is_cut_off_writes_nothing_either() -> None:
    transport = Narrow(0)
    stream = ClientStream(transport)
    scope = trio.CancelScope()

    async def send_until_cut() -> None:
        with scope:
            await stream.send_all(b"PONG")

    async def send_behind_it() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"abc")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_until_cut)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(send_behind_it)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        transport.tap.set()
    assert transport.wire == b"PO"


async def test_frames_that_are_held_go_out_in_one_write() -> None:
    transport = Narrow(0)
    transport.tap.set()
    stream = ClientStream(transport)
    with stream.hold():
        await stream.send_all(b"abc")
        await stream.send_all(b"def")
        assert transport.wire == b""
    await stream.drain()
    await stream.send_all(b"g")
    assert transport.wire == b"abcdefg"
