"""Hundreds of connections of one peer that do something in one instant.

All of them are there before any of them says it; what they say is encrypted before and handed to
the system in one go, so that the gateway finds all of it at once.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import trio
from attrs import define, field
from running_gateway import Gateway

# Connections that are opened at a time.
AT_A_TIME = 8


@define(eq=False)
class Member:
    """One connection of a crowd, with TLS where the gateway has it."""

    stream: trio.SocketStream
    heard: bytearray = field(factory=bytearray)
    _tls: ssl.SSLObject | None = None
    _incoming: ssl.MemoryBIO = field(factory=ssl.MemoryBIO)
    _outgoing: ssl.MemoryBIO = field(factory=ssl.MemoryBIO)
    _sealed: bytes = b""

    async def shake_hands(self, trusted: ssl.SSLContext, host: str) -> None:
        self._tls = trusted.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.stream.send_all(self._outgoing.read())
                self._incoming.write(await self.stream.receive_some())
            else:
                break
        await self.stream.send_all(self._outgoing.read())

    def seal(self, said: bytes) -> None:
        """Get ready to say this."""
        if self._tls is not None:
            self._tls.write(said)
            said = self._outgoing.read()
        self._sealed = said

    def say_sealed(self) -> None:
        """Say it without a wait: it is short."""
        sealed, self._sealed = self._sealed, b""
        assert os.write(self.stream.socket.fileno(), sealed) == len(sealed)

    async def say(self, said: bytes) -> None:
        self.seal(said)
        sealed, self._sealed = self._sealed, b""
        await self.stream.send_all(sealed)

    async def hear(self, *endings: bytes) -> bytes:
        """What is said up to one of these, or to the end."""
        while not any(ending in self.heard for ending in endings):
            with suppress(trio.BrokenResourceError):
                if received := await self.stream.receive_some():
                    self.heard += self._open(received)
                    continue
            break
        heard, self.heard = bytes(self.heard), bytearray()
        return heard

    def _open(self, received: bytes) -> bytes:
        if self._tls is None:
            return received
        self._incoming.write(received)
        opened = b""
        with suppress(ssl.SSLWantReadError):
            while data := self._tls.read(65_536):
                opened += data
        return opened


@define(eq=False)
class Crowd:
    """All of them."""

    members: Sequence[Member]

    def say_in_one_instant(self, say: Callable[[int], bytes]) -> None:
        """Each says what this gives for its number."""
        for number, member in enumerate(self.members):
            member.seal(say(number))
        for member in self.members:
            member.say_sealed()

    async def hear(self, *endings: bytes, within: float = 30.0) -> list[bytes]:
        """What each hears up to one of these, or to its end."""
        heard = [b""] * len(self.members)

        async def hear(number: int, member: Member) -> None:
            heard[number] = await member.hear(*endings)

        with trio.fail_after(within):
            async with trio.open_nursery() as nursery:
                for number, member in enumerate(self.members):
                    nursery.start_soon(hear, number, member)
        return heard

    async def leave(self) -> None:
        """End all of them in one instant."""
        for member in self.members:
            await trio.aclose_forcefully(member.stream)


@asynccontextmanager
async def crowd(
    gateway: Gateway, size: int, begin: Callable[[int], bytes] | None = None, until: bytes = b""
) -> AsyncIterator[Crowd]:
    """So many connections, each of which has said what it begins with, and heard `until` that."""
    members: list[Member] = []

    async def join(number: int) -> None:
        member = Member(await trio.open_tcp_stream(gateway.host, gateway.port))
        members.append(member)
        if gateway.trusted is not None:
            await member.shake_hands(gateway.trusted, gateway.host)
        if begin is not None:
            await member.say(begin(number))
            heard = await member.hear(until)
            assert until in heard, heard

    try:
        for first in range(0, size, AT_A_TIME):
            async with trio.open_nursery() as nursery:
                for number in range(first, min(first + AT_A_TIME, size)):
                    nursery.start_soon(join, number)
        yield Crowd(members)
    finally:
        for member in members:
            await trio.aclose_forcefully(member.stream)
