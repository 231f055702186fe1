"""Writing a response over real sockets, where what fits is written at once and the rest waits."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from eyeclaw_trio.errors import HungUp, SlowReader
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.newcomers import Newcomers
from eyeclaw_trio.wire.request_reader import ConnectionTerms
from eyeclaw_trio.wire.streams import EagerStream

WRITE_TIMEOUT = 10.0
# Much more than a socket takes at once.
MUCH = bytes(range(256)) * 8_192


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[HttpConnection, trio.SocketStream]]:
    """A connection whose request has been read and whose response has begun, and its reader."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    end, reader = (
        trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in (ours, theirs)
    )
    async with end, reader:
        connection = HttpConnection(
            EagerStream(end), ConnectionTerms(10.0, WRITE_TIMEOUT), Newcomers().enter()
        )
        await reader.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await connection.receive_request() is not None
        await connection.writer.start_stream((), b"begun")
        yield connection, reader


async def read_body(reader: trio.SocketStream) -> bytes:
    """Everything behind the head, up to the last chunk."""
    received = b""
    while not received.endswith(b"\r\n0\r\n\r\n"):
        data = await reader.receive_some()
        assert data, "it has ended too soon"
        received += data
    return received.partition(b"\r\n\r\n")[2]


async def test_a_long_piece_arrives_whole_whatever_part_of_it_was_written_at_once() -> None:
    async with asked() as (connection, reader):
        body = b""

        async def read() -> None:
            nonlocal body
            body = await read_body(reader)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await connection.writer.write(MUCH[:1_000_000])
            await connection.writer.write(MUCH)
            await connection.writer.end_stream(b"end")
    texts = [b"begun", MUCH[:1_000_000], MUCH, b"end", b""]
    assert body == b"".join(b"%x\r\n%s\r\n" % (len(text), text) for text in texts)


async def test_small_pieces_are_written_without_giving_way() -> None:
    async with asked() as (connection, reader):
        with trio.testing.assert_no_checkpoints():
            await connection.writer.write(b"small")
            await connection.writer.end_stream(b"end")
        assert await read_body(reader) == b"5\r\nbegun\r\n5\r\nsmall\r\n3\r\nend\r\n0\r\n\r\n"
        assert connection.start_next_request()


async def test_a_reader_that_takes_nothing_is_slow_though_a_part_was_written_at_once(
    autojump_clock: MockClock,
) -> None:
    async with asked() as (connection, _):
        began = trio.current_time()
        with pytest.raises(SlowReader):
            await connection.writer.write(MUCH)
        assert trio.current_time() == began + WRITE_TIMEOUT
        with pytest.raises(HungUp):  # half a piece is on its way, and nothing can follow it
            await connection.writer.end_stream(b"end")
        assert not connection.start_next_request()


async def test_a_write_that_was_cancelled_is_the_last() -> None:
    async with asked() as (connection, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.writer.write, MUCH)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(HungUp):
            await connection.writer.write(b"more")
        assert not connection.start_next_request()


async def test_behind_a_write_that_was_cancelled_there_is_no_rest_to_be_written() -> None:
    async with asked() as (connection, _):
        assert not connection.writer.write_nowait(MUCH)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.writer.drain)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(HungUp):
            await connection.writer.drain()
        assert connection.writer.is_broken


async def test_a_reader_that_is_gone_has_hung_up() -> None:
    async with asked() as (connection, reader):
        await reader.aclose()
        with pytest.raises(HungUp):
            await connection.writer.write(b"small")
        with pytest.raises(HungUp):
            await connection.writer.write(b"small")
