"""The stream below a WebSocket: two writers and one wire, where nothing may come between a write
that has begun and its rest."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing
from narrow_transport import Narrow, cut_off

from eyeclaw_trio.protocol.frames import frame_close
from eyeclaw_trio.wire.accepting import wrap
from eyeclaw_trio.wire.frame_stream import FrameStream


async def test_what_fits_is_written_at_once_and_nothing_is_left() -> None:
    transport = Narrow(100)
    stream = FrameStream(transport)
    with trio.testing.assert_no_checkpoints():
        assert stream.write_nowait(b"one")
        assert stream.write_nowait(b"two")
    assert transport.wire == b"onetwo"


@pytest.mark.parametrize("room", range(7))
async def test_nothing_comes_between_a_write_and_its_rest(room: int) -> None:
    transport = Narrow(room)
    stream = FrameStream(transport)
    transport.tap.set()
    assert stream.write_nowait(b"abcdef") is (room == 6)
    await stream.send_all(b"PONG")  # the library's, before anybody has waited for our rest
    await stream.send_all(b"")
    assert transport.wire == b"abcdefPONG"


async def test_a_write_in_the_middle_of_anothers_waits_for_its_end() -> None:
    transport = Narrow(100)
    stream = FrameStream(transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"PONG")
        await trio.testing.wait_all_tasks_blocked()
        assert transport.wire == b"PO"
        assert not stream.write_nowait(b"abc")
        assert not stream.write_nowait(b"def")
        assert transport.wire == b"PO"
        nursery.start_soon(stream.send_all, b"PING")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(stream.send_all, b"")
        transport.tap.set()
    assert transport.wire == b"PONGabcdefPING"


async def test_a_stream_that_cannot_write_at_once_writes_it_when_it_is_waited_for() -> None:
    ours, theirs = trio.testing.memory_stream_pair()  # so it is over TLS
    stream = FrameStream(wrap(theirs))
    assert not stream.write_nowait(b"abc")
    await stream.send_all(b"")
    assert await ours.receive_some() == b"abc"
    assert not stream.write_nowait(b"def")
    await stream.send_all(b"x")
    assert await ours.receive_some() == b"defx"


async def test_the_last_close_frame_is_no_part_of_a_text_that_was_begun() -> None:
    transport = Narrow(3)
    stream = FrameStream(transport)
    assert not stream.write_nowait(b"abcdef")
    transport.tap.set()
    await stream.close_transport(code=1002)
    assert transport.wire == b"abcdef" + frame_close(1002)
    assert transport.is_closed


async def test_the_last_close_frame_waits_for_the_end_of_a_write_that_is_under_way() -> None:
    transport = Narrow(0)
    stream = FrameStream(transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"abcdef")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(partial(stream.close_transport, code=1002))
        await trio.testing.wait_all_tasks_blocked()
        assert transport.wire == b"abc"
        transport.tap.set()
    assert transport.wire == b"abcdef" + frame_close(1002)
    assert transport.is_closed


async def test_not_even_a_close_frame_follows_a_write_that_was_cut_off() -> None:
    transport = Narrow(0)
    stream = FrameStream(transport)
    await cut_off(stream.send_all, b"abcdef", transport)
    await stream.close_transport(code=1011)
    assert transport.wire == b"abc"  # its peer would take the code for the rest of the text
    assert transport.is_closed


async def test_nothing_at_all_follows_a_write_that_was_cut_off() -> None:
    transport = Narrow(100)
    stream = FrameStream(transport)
    await cut_off(stream.send_all, b"PONG", transport)
    with pytest.raises(trio.BrokenResourceError):
        stream.write_nowait(b"abc")
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"def")
    assert transport.wire == b"PO"  # its peer would take the next frame for the rest of this one


async def test_a_closed_stream_takes_nothing_more() -> None:
    transport = Narrow(100)
    stream = FrameStream(transport)
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        stream.write_nowait(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()
    assert (transport.wire, transport.is_closed) == (b"", False)


async def test_a_peer_that_is_gone_is_said_by_whoever_waits_for_the_rest() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    stream = FrameStream(wrap(theirs))
    await ours.aclose()
    assert not stream.write_nowait(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"")
