"""TLS at the public door: what one record costs, what is lost never, and how it ends."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from socket_pairs import reset, tcp_pair
from tls_pairs import met, settle

from eyeclaw_trio.wire.tls_stream import PIECE, PORTION, RECORDS_AT_A_TIME, VOID_RECORDS, TlsStream

# ---- reading and writing ------------------------------------------------------------------------


async def test_what_has_come_together_is_read_together_up_to_what_is_asked_for() -> None:
    async with met() as (stream, client):
        await client.stream.send_all(client.say(b"one") + client.say(b"two") + client.say(b"three"))
        await settle()
        with trio.testing.assert_checkpoints():
            assert await stream.receive_some(4) == b"onet"
        with trio.testing.assert_checkpoints():
            assert await stream.receive_some() == b"wothree"


async def test_of_many_small_records_some_are_read_and_others_have_their_turn_in_between() -> None:
    async with met() as (stream, client):
        many = b"".join(client.say(b"x") for _ in range(3 * RECORDS_AT_A_TIME))
        assert len(many) < PORTION
        await client.stream.send_all(many)
        for _ in range(3):
            with trio.testing.assert_checkpoints():
                assert await stream.receive_some() == b"x" * RECORDS_AT_A_TIME


async def test_what_came_before_an_end_or_an_error_is_read_first() -> None:
    async with met() as (stream, client):
        said = client.say(b"one") + client.say(b"two")
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        await client.stream.send_all(said + client._outgoing.read())
        assert await stream.receive_some() == b"onetwo"
        for _ in range(2):
            assert await stream.receive_some() == b""
    async with met() as (stream, client):
        said = client.say(b"one") + client.say(b"two")
        changed = bytearray(client.say(b"three"))
        changed[-1] ^= 1
        await client.stream.send_all(said + changed)
        assert await stream.receive_some() == b"onetwo"
        for _ in range(2):
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()


async def test_a_cancelled_read_loses_nothing() -> None:
    async with met() as (stream, client):
        said = client.say(b"hello")
        await client.stream.send_all(said[:9])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.receive_some)
            await settle()
            nursery.cancel_scope.cancel()
        await client.stream.send_all(said[9:])
        assert await stream.receive_some() == b"hello"


async def test_a_cancelled_read_does_not_lose_what_came_with_the_record_before() -> None:
    async with met() as (stream, client):
        await client.stream.send_all(client.say(b"one") + client.say(b"two"))
        assert await stream.receive_some(3) == b"one"
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.receive_some()
        assert scope.cancelled_caught
        assert await stream.receive_some() == b"two"


async def test_much_goes_both_ways_at_a_time_whole_and_in_order() -> None:
    much = bytes(range(256)) * 8_192
    async with met() as (stream, client), trio.open_nursery() as nursery:

        async def hear_much(hear: Callable[[], Awaitable[bytes]]) -> None:
            heard = bytearray()
            while len(heard) < len(much):
                heard += await hear()
            assert heard == much

        nursery.start_soon(hear_much, client.hear)
        nursery.start_soon(hear_much, stream.receive_some)
        nursery.start_soon(stream.send_all, much)
        nursery.start_soon(client.stream.send_all, client.say(much))


async def test_openssl_is_given_and_asked_for_little_at_a_time_whatever_the_records_size() -> None:
    """Its buffers stay as large as they have once been, and thousands may be idle."""

    class Watched:
        def __init__(self, bio: ssl.MemoryBIO) -> None:
            self.bio, self.most = bio, 0

        def read(self) -> bytes:
            self.most = max(self.most, self.bio.pending)
            return self.bio.read()

        def write(self, data: bytes) -> None:
            self.bio.write(data)
            self.most = max(self.most, self.bio.pending)

    async with met() as (stream, client):
        incoming, outgoing = Watched(stream._incoming), Watched(stream._outgoing)
        watched: Any = stream
        watched._incoming, watched._outgoing = incoming, outgoing
        much = bytes(range(256)) * 256
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.stream.send_all, client.say(much))
            nursery.start_soon(stream.send_all, much)
            received = b""
            while len(received) < len(much):
                received += await stream.receive_some()
            heard = b""
            while len(heard) < len(much):
                heard += await client.hear()
        assert received == heard == much
        assert 0 < max(incoming.most, outgoing.most) < PIECE + 256


async def test_what_was_left_of_a_cancelled_write_is_not_lost_in_the_middle() -> None:
    much = b"x" * 8_388_608
    async with met() as (stream, client):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, much)
            await settle()
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"y")
            heard = bytearray()
            while not heard.endswith(b"y"):
                heard += await client.hear()
        assert heard == much + b"y"


async def test_every_write_gives_the_others_a_turn_and_an_empty_one_writes_nothing() -> None:
    async with met() as (stream, client):
        for data in (b"", b"x"):
            with trio.testing.assert_checkpoints():
                await stream.send_all(data)
        assert await client.hear() == b"x"


# ---- those who are there ------------------------------------------------------------------------


async def test_what_those_say_who_are_there_is_read_at_a_pace_and_no_wait_loses_any() -> None:
    shown: list[str] = []
    opened = trio.Semaphore(0)

    async def pace(peer: str) -> None:
        shown.append(peer)
        await opened.acquire()

    async with met(pace) as (stream, client):
        shown.clear()
        await client.stream.send_all(client.say(b"one") + client.say(b"two"))
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.receive_some)
                await settle()
                nursery.cancel_scope.cancel()
        assert shown == ["127.0.0.1"] * 2
        for asked, heard in ((1, b"o"), (1, b"n"), (4, b"etwo")):
            opened.release()
            with trio.testing.assert_checkpoints():
                assert await stream.receive_some(asked) == heard
        assert len(shown) == 5


# ---- how it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize("says_goodbye", [True, False])
async def test_an_end_is_an_end_with_a_goodbye_and_without(says_goodbye: bool) -> None:
    async with met() as (stream, client):
        if says_goodbye:
            with pytest.raises(ssl.SSLWantReadError):
                client.tls.unwrap()
            await client.stream.send_all(client._outgoing.read())
        else:
            await client.stream.send_eof()
        for _ in range(2):
            assert await stream.receive_some() == b""


async def test_a_reset_or_a_record_that_was_changed_on_its_way_is_an_error() -> None:
    async with met() as (stream, client):
        said = bytearray(client.say(b"hello"))
        said[-1] ^= 1
        await client.stream.send_all(said)
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
    async with met() as (stream, client):
        await reset(client.stream)
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


# ---- records that hold nothing ------------------------------------------------------------------


class PlainTls:
    """Speaks like `ssl` without any encryption: a record is its head and what it holds. Ours asks
    for nothing else, and no client of Python's can change keys."""

    def wrap_bio(self, incoming: ssl.MemoryBIO, _: ssl.MemoryBIO, *, server_side: bool) -> PlainTls:
        assert server_side
        self.incoming = incoming
        return self

    def do_handshake(self) -> None:
        self.incoming.read()

    def pending(self) -> int:
        return 0

    def read(self, _: int) -> bytes:
        if data := self.incoming.read()[5:]:
            return data
        raise ssl.SSLWantReadError


def record(data: bytes) -> bytes:
    return b"\x17\x03\x03" + len(data).to_bytes(2, "big") + data


@asynccontextmanager
async def plain() -> AsyncIterator[tuple[TlsStream, trio.SocketStream]]:
    context: Any = PlainTls()
    async with tcp_pair() as (ours, theirs):
        await theirs.send_all(record(b""))  # the handshake
        yield TlsStream(ours, context), theirs


async def test_some_records_may_hold_nothing_and_what_comes_between_them_is_read() -> None:
    async with plain() as (stream, theirs):
        for _ in range(VOID_RECORDS):
            await theirs.send_all(record(b"") + record(b"data"))
            assert await stream.receive_some() == b"data"


async def test_who_goes_on_sending_records_that_hold_nothing_is_ended_in_the_middle_of_them() -> (
    None
):
    async with plain() as (stream, theirs):
        flood = record(b"") * (VOID_RECORDS + 100)
        assert len(flood) < PORTION
        await theirs.send_all(flood + record(b"data"))
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
