"""A stream over real sockets that writes without waiting: what fits, what is left, how it ends."""

from __future__ import annotations

import os
import socket
import ssl
from types import SimpleNamespace

import pytest
import trio
import trio.testing
from socket_pairs import pair, reset, tcp_pair

from eyeclaw_trio.wire import streams
from eyeclaw_trio.wire.accepting import wrap
from eyeclaw_trio.wire.streams import (
    LOOK,
    EagerStream,
    PatientStream,
    ReplayedStream,
)
from eyeclaw_trio.wire.tls_stream import TlsStream

# More than a socket pair of any system takes in one go.
MUCH = bytes(range(256)) * 32_768


async def receive_exactly(stream: trio.abc.ReceiveStream, size: int) -> bytes:
    received = b""
    while len(received) < size:
        data = await stream.receive_some()
        assert data, "it has ended too soon"
        received += data
    return received


# ---- writing ------------------------------------------------------------------------------------


async def test_what_fits_is_written_before_anybody_else_has_a_turn() -> None:
    async with pair() as (ours, theirs):
        with trio.testing.assert_no_checkpoints():
            assert ours.write_nowait(b"hello") == 5
        assert await theirs.receive_some() == b"hello"


async def test_a_part_is_written_and_the_rest_follows_in_order() -> None:
    async with pair() as (ours, theirs), trio.open_nursery() as nursery:
        written = ours.write_nowait(MUCH)
        assert 0 < written < len(MUCH)
        assert ours.write_nowait(MUCH[written:]) == 0  # nothing more until the peer reads
        nursery.start_soon(ours.send_all, MUCH[written:])
        assert await receive_exactly(theirs, len(MUCH)) == MUCH


async def test_a_memoryview_is_as_good() -> None:
    async with pair() as (ours, theirs):
        assert ours.write_nowait(memoryview(b"hello")[1:]) == 4
        assert await theirs.receive_some() == b"ello"


async def test_writing_to_a_peer_that_is_gone_says_so() -> None:
    async with pair() as (ours, theirs):
        await theirs.aclose()
        with pytest.raises(trio.BrokenResourceError):
            ours.write_nowait(b"x")


async def test_writing_after_the_end_of_our_own_side_says_so() -> None:
    async with pair() as (ours, theirs):
        await ours.send_eof()
        assert await theirs.receive_some() == b""
        with pytest.raises(trio.BrokenResourceError):
            ours.write_nowait(b"x")
        await theirs.send_all(b"still heard")
        assert await ours.receive_some() == b"still heard"


async def test_a_reset_is_a_broken_stream_whoever_finds_out_first() -> None:
    for writes_first in (True, False):
        async with tcp_pair() as (ours, theirs):
            await reset(theirs)
            if writes_first:
                with pytest.raises(trio.BrokenResourceError):
                    ours.write_nowait(b"x")
                # The write has had the error; what the reader finds is an end as well.
                assert await ours.receive_some() == b""
            else:
                with pytest.raises(trio.BrokenResourceError):
                    await ours.receive_some()
            with pytest.raises(trio.BrokenResourceError):
                await ours.send_eof()


async def test_a_stream_that_cannot_write_without_waiting_takes_and_gives_nothing() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    stream = wrap(ours)
    await theirs.send_all(b"there")
    assert (stream.write_nowait(b"x"), stream.receive_nowait(), stream.pollable) == (0, None, None)
    assert await stream.receive_some() == b"there"
    await stream.send_all(b"x")
    assert await theirs.receive_some() == b"x"


# ---- what was accepted, and bytes that are read again --------------------------------------------


async def test_what_is_accepted_is_wrapped_by_its_kind_and_knows_its_peer() -> None:
    async with (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0] as listener:
        theirs = await trio.testing.open_stream_to_socket_listener(listener)
        ours = await listener.accept()
    async with ours, theirs:
        tls = TlsStream(EagerStream(ours), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
        for accepted, kind in ((ours, EagerStream), (tls, TlsStream)):
            stream = wrap(accepted)
            assert isinstance(stream, kind)
            assert stream.peer == "127.0.0.1"
            assert stream.settled() is stream
        assert wrap(ours).pollable is not None
    memory = wrap(trio.testing.memory_stream_pair()[0])
    assert isinstance(memory, PatientStream)
    assert memory.peer == ""


@pytest.mark.parametrize("waits", [True, False], ids=["receive_some", "receive_nowait"])
async def test_bytes_given_back_come_first_and_only_then_can_the_stream_be_polled(
    waits: bool,
) -> None:
    async with pair() as (ours, theirs):
        stream = ReplayedStream(b"again", ours, head_size=5)
        await theirs.send_all(b"and on")
        pieces: list[bytes | bytearray | None] = []
        for size in (2, 100, 100):
            assert (stream.settled() is stream) == (len(pieces) < 2)
            assert (stream.pollable is None) == (len(pieces) < 2)
            pieces.append(await stream.receive_some(size) if waits else stream.receive_nowait(size))
        assert pieces == [b"ag", b"ain", b"and on"]
        assert stream.settled() is ours
        assert stream.write_nowait(b"x") == 1
        await stream.send_eof()
        assert await theirs.receive_some() == b"x"
        await stream.abort()
        with pytest.raises(trio.ClosedResourceError):
            ours.write_nowait(b"x")


# ---- reading ------------------------------------------------------------------------------------


async def test_no_more_is_read_than_was_asked_for_and_the_end_is_empty() -> None:
    async with pair() as (ours, theirs):
        await theirs.send_all(b"hello")
        assert await ours.receive_some(2) == b"he"
        assert await ours.receive_some() == b"llo"
        await theirs.aclose()
        assert await ours.receive_some() == b""
        assert await ours.receive_some() == b""


async def test_reading_always_gives_the_others_a_turn() -> None:
    async with pair() as (ours, theirs):
        await theirs.send_all(b"hello")
        with trio.testing.assert_checkpoints():
            await ours.receive_some()


async def test_a_cancelled_read_loses_nothing() -> None:
    async with pair() as (ours, theirs):
        await theirs.send_all(b"hello")
        with trio.CancelScope() as scope:
            scope.cancel()
            await ours.receive_some()
        assert scope.cancelled_caught
        assert await ours.receive_some() == b"hello"


async def test_a_wake_up_for_nothing_is_waited_through(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0

    def read(number: int, size: int) -> bytes:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise BlockingIOError
        return os.read(number, size)

    async with pair() as (ours, theirs):
        await theirs.send_all(b"hello")
        monkeypatch.setattr(streams, "os", SimpleNamespace(read=read))
        assert await ours.receive_some() == b"hello"
    assert attempts == 2


# ---- closed, and its number in use again --------------------------------------------------------


async def test_a_closed_stream_neither_writes_nor_reads() -> None:
    async with pair() as (ours, _):
        await ours.aclose()
        with pytest.raises(trio.ClosedResourceError):
            ours.write_nowait(b"x")
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()


async def test_nothing_is_written_to_whoever_has_got_the_number_of_a_closed_socket() -> None:
    async with pair() as (ours, _):
        number = ours._socket.fileno()
        await ours.aclose()
        with socket.socket() as first, socket.socket() as second:
            assert number in (first.fileno(), second.fileno())
            with pytest.raises(trio.ClosedResourceError):
                ours.write_nowait(b"x")
            with pytest.raises(trio.ClosedResourceError):
                await ours.receive_some()


async def test_a_reader_whose_stream_is_closed_reads_nobody_elses_bytes() -> None:
    async with pair() as (ours, _), trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await ours.receive_some()

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        number = ours._socket.fileno()
        await trio.aclose_forcefully(ours)
        one, other = socket.socketpair()
        with one, other:
            assert number in (one.fileno(), other.fileno())
            (other if number == one.fileno() else one).send(b"not for us")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert os.read(number, 100) == b"not for us"


async def test_a_stream_that_is_closed_after_its_reader_was_woken_reads_nobody_elses_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait_readable = trio.lowlevel.wait_readable
    async with pair() as (ours, theirs):
        number = ours._socket.fileno()
        one, other = socket.socketpair()
        with one, other:

            async def wait_and_lose(fd: int) -> None:
                await wait_readable(fd)
                # Another task of the same round closes it, and its number is free for others.
                await ours.aclose()
                os.dup2(one.fileno(), number)
                other.send(b"not for us")

            await theirs.send_all(b"for us")
            monkeypatch.setattr(trio.lowlevel, "wait_readable", wait_and_lose)
            with pytest.raises(trio.ClosedResourceError):
                await ours.receive_some()
            assert os.read(number, 100) == b"not for us"
            os.close(number)


async def test_what_is_there_is_shown_before_it_is_admitted_and_little_of_it_is_read() -> None:
    async with pair() as (ours, theirs):
        sent = bytes(range(250)) * 40
        await theirs.send_all(sent)
        shown: list[bytes] = []

        async def admit(begun: bytes) -> None:
            shown.append(begun)
            rest = ours.receive_nowait(10)  # the rest is still in the system
            assert rest == sent[LOOK : LOOK + 10]

        received = await ours.receive_admitted(4_096, admit)
        assert shown == [sent[:LOOK]]
        assert received == sent[:LOOK] + sent[LOOK + 10 : 4_106]
