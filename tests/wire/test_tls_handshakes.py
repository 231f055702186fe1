"""A TLS handshake at the public door: what of it is admitted when, and who is refused."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from itertools import pairwise

import pytest
import trio
import trio.testing
from socket_pairs import reset, tcp_pair
from tls_pairs import AUTHORITY, Client, connected, expect, met, settle

from eyeclaw_trio.wire.tls_stream import HANDSHAKE_RECORDS, TlsStream


class Gate:
    """An admission that is given one at a time."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []
        self._opened = trio.Semaphore(0)

    async def __call__(self, begun: bytes) -> None:
        self.shown.append(begun)
        await self._opened.acquire()

    def open(self) -> None:
        self._opened.release()


async def test_each_step_of_a_handshake_is_admitted_and_what_is_said_with_the_last_one_is_not() -> (
    None
):
    gate = Gate()
    async with connected() as (stream, client), trio.open_nursery() as nursery:
        nursery.start_soon(expect, lambda: stream.receive_admitted(4_096, gate), b"GET /")
        await client.stream.send_all(client.begin())
        await settle()
        assert gate.shown == [b""]
        gate.open()
        last = await client.finish()
        await client.stream.send_all(last + client.say(b"GET /"))
        await settle()
        assert gate.shown == [b"", b""]
        gate.open()
    assert gate.shown == [b"", b""]


async def test_what_is_said_later_is_admitted_unread_and_the_record_behind_it_again() -> None:
    gate = Gate()
    async with met() as (stream, client), trio.open_nursery() as nursery:
        nursery.start_soon(expect, lambda: stream.receive_admitted(5, gate), b"GET /")
        await client.stream.send_all(client.say(b"GET /") + client.say(b" HTTP"))
        await settle()
        assert gate.shown == [b""]
        gate.open()
        await settle()
        nursery.start_soon(expect, lambda: stream.receive_admitted(4_096, gate), b" HTTP")
        await settle()
        assert gate.shown == [b"", b" HTTP"]
        gate.open()


async def test_a_handshake_in_pieces_has_each_piece_admitted() -> None:
    gate = Gate()
    async with connected() as (stream, client), trio.open_nursery() as nursery:
        nursery.start_soon(stream.receive_admitted, 4_096, gate)
        hello = client.begin()
        for count, piece in enumerate((hello[:1], hello[1:7], hello[7:-1]), start=1):
            await client.stream.send_all(piece)
            await settle()
            assert len(gate.shown) == count
            gate.open()
            await settle()
        await client.stream.send_all(hello[-1:])
        await settle()
        assert len(gate.shown) == 4  # what costs has not been done
        gate.open()
        assert await client.finish()
        nursery.cancel_scope.cancel()


async def test_an_admitted_step_is_answered_in_the_same_pass() -> None:
    gate = Gate()
    async with connected() as (stream, client), trio.open_nursery() as nursery:
        nursery.start_soon(stream.receive_admitted, 4_096, gate)
        await client.stream.send_all(client.begin())
        await settle()
        gate.open()
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        assert os.read(client.stream.socket.fileno(), 10)  # it is in the system already
        nursery.cancel_scope.cancel()


async def test_a_hello_that_is_there_at_once_goes_with_the_admission_of_the_connection() -> None:
    gate = Gate()
    async with connected() as (stream, client), trio.open_nursery() as nursery:
        await client.stream.send_all(client.begin())
        await settle()
        assert stream.receive_nowait(4_096) is None
        nursery.start_soon(stream.receive_admitted, 4_096, gate)
        assert await client.finish()
        assert gate.shown == []
        nursery.cancel_scope.cancel()


async def test_tickets_are_there_before_anything_is_said() -> None:
    """A client that waits for the acknowledgement of its last word would else wait for long."""
    async with connected() as (stream, client), trio.open_nursery() as nursery:
        nursery.start_soon(stream.receive_some)
        await client.meet()
        with trio.fail_after(5):
            assert await client.stream.receive_some()
        nursery.cancel_scope.cancel()


async def test_who_leaves_before_or_in_a_handshake_has_left() -> None:
    async with connected() as (stream, client):
        await client.stream.aclose()
        with trio.fail_after(5):
            while stream.receive_nowait() is None:
                await trio.sleep(0)
        assert await stream.receive_some() == b""
    async with connected() as (stream, client):
        await client.stream.send_all(client.begin()[:-1])
        await client.stream.aclose()
        assert await stream.receive_some() == b""


@pytest.mark.parametrize("is_reset", [False, True])
async def test_an_end_has_to_be_admitted_too(is_reset: bool) -> None:
    """What becomes of a connection costs work, and hundreds may end in one instant."""
    gate = Gate()
    async with connected() as (stream, client), trio.open_nursery() as nursery:

        async def receive() -> None:
            with suppress(trio.BrokenResourceError):
                assert await stream.receive_admitted(4_096, gate) == b""
            nursery.cancel_scope.cancel()

        nursery.start_soon(receive)
        await settle()
        await (reset(client.stream) if is_reset else client.stream.aclose())
        await settle()
        assert gate.shown == [b""]
        assert not nursery.cancel_scope.cancel_called
        gate.open()


async def test_before_the_handshake_nothing_is_written() -> None:
    async with connected() as (stream, _):
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")
        assert stream.write_nowait(b"x") == 0


def in_records(hello: bytes, count: int) -> bytes:
    """A hello, which came in one record, in so many: the last one has the most of it."""
    body = hello[5:]
    cuts = [*range(count), len(body)]
    pieces = [body[start:end] for start, end in pairwise(cuts)]
    return b"".join(hello[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


async def test_a_hello_may_come_in_several_records() -> None:
    async with connected() as (stream, client), trio.open_nursery() as nursery:
        nursery.start_soon(expect, stream.receive_some, b"hi")
        await client.stream.send_all(in_records(client.begin(), HANDSHAKE_RECORDS // 2))
        await client.stream.send_all(await client.finish() + client.say(b"hi"))


async def test_a_hello_in_a_record_for_each_byte_is_ended_in_the_middle_of_it() -> None:
    async with connected() as (stream, client):
        hello = client.begin()
        await client.stream.send_all(in_records(hello, len(hello) - 5))
        with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 90])
async def test_what_is_no_tls_is_refused_without_waiting_for_more(said: bytes) -> None:
    async with connected() as (stream, client):
        await client.stream.send_all(said)
        with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def test_a_client_that_speaks_no_version_of_ours_is_told_so() -> None:
    strict = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("gateway.example").configure_cert(strict)
    strict.minimum_version = ssl.TLSVersion.TLSv1_3
    old = ssl.create_default_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with tcp_pair() as (ours, theirs):
        client, stream = Client(theirs, old), TlsStream(ours, strict)
        await theirs.send_all(client.begin())
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
            await client.finish()
