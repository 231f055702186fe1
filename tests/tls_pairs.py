"""Both ends of one TLS connection, of which the client decides on every segment."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing
import trustme
from socket_pairs import tcp_pair

from eyeclaw_trio.wire.tls_stream import Pace, TlsStream

AUTHORITY = trustme.CA()
SERVING = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
AUTHORITY.issue_cert("gateway.example").configure_cert(SERVING)
TRUSTING = ssl.create_default_context()
AUTHORITY.configure_trust(TRUSTING)


class Client:
    """A peer whose every segment is decided by the test."""

    def __init__(self, stream: trio.SocketStream, context: ssl.SSLContext = TRUSTING) -> None:
        self.stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname="gateway.example"
        )

    def begin(self) -> bytes:
        """The first flight."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._outgoing.read()

    async def finish(self) -> bytes:
        """Hear the gateway's flight; the last one of the handshake."""
        while True:
            self._incoming.write(await self.stream.receive_some())
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
                return self._outgoing.read()

    def say(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self._outgoing.read()

    async def hear(self) -> bytes:
        while True:
            with suppress(ssl.SSLWantReadError):
                return self.tls.read(65_536)
            self._incoming.write(await self.stream.receive_some())

    async def meet(self) -> None:
        await self.stream.send_all(self.begin())
        await self.stream.send_all(await self.finish())


async def _alone(_: str) -> None:
    """Nobody else is there."""


@asynccontextmanager
async def connected(pace: Pace = _alone) -> AsyncIterator[tuple[TlsStream, Client]]:
    """Both ends, which have not met."""
    async with tcp_pair() as (ours, theirs):
        yield TlsStream(ours, SERVING, pace), Client(theirs)


@asynccontextmanager
async def met(pace: Pace = _alone) -> AsyncIterator[tuple[TlsStream, Client]]:
    """Both ends, which have; the client has said one word with it."""
    async with connected(pace) as (stream, client):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.meet)
            nursery.start_soon(expect, stream.receive_some, b"hi")
            await settle()
            await client.stream.send_all(client.say(b"hi"))
        yield stream, client


async def expect(receive: Callable[[], Awaitable[object]], data: bytes) -> None:
    assert await receive() == data


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked(0.01)
