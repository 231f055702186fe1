"""Every way that the bytes of a turn can take: over memory, over sockets that the poller reads or
that read themselves, and over TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Final

import trio
import trio.testing
import trustme
from cable_fakes import CableGateway, Sdk
from fakes import Glasses, Pair

from eyeclaw_trio.wire.services import Services
from eyeclaw_trio.wire.streams import EagerStream
from eyeclaw_trio.wire.tls_stream import TlsStream

WAYS: Final = ("memory", "sockets", "polled", "tls")


class Ways:
    """Connections of each kind, and what a gateway needs to serve them; certificates are made
    once."""

    def services(self, way: str) -> Services:
        """With a poller where this way is to be read by one."""
        return Services() if way == "polled" else Services(poller=None)

    def pair(self, way: str, *, is_tight: bool = False) -> Pair:
        """The client's end and the gateway's; a tight one takes little that nobody reads."""
        if way == "memory":
            tight, roomy = trio.testing.lockstep_stream_pair, trio.testing.memory_stream_pair
            return tight() if is_tight else roomy()
        ours, theirs = socket.socketpair()
        if is_tight:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        ends = [trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in (ours, theirs)]
        return self._over_tls(*ends) if way == "tls" else (ends[0], ends[1])

    @asynccontextmanager
    async def peers(
        self, gateway: CableGateway, way: str, *, is_tight: bool = False
    ) -> AsyncIterator[tuple[Sdk, Glasses]]:
        """A bot that is linked and glasses, each over a connection of this kind."""
        async with (
            gateway.services_running(),
            gateway.sdk(pair=lambda: self.pair(way)) as sdk,
            gateway.glasses(lambda: self.pair(way, is_tight=is_tight)) as glasses,
        ):
            await sdk.link()
            yield sdk, glasses

    def _over_tls(self, ours: trio.SocketStream, theirs: trio.SocketStream) -> Pair:
        trusting = ssl.create_default_context()
        self._authority.configure_trust(trusting)
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._certificate.configure_cert(serving)
        name = "gateway.example"
        return (
            trio.SSLStream(ours, trusting, server_hostname=name, https_compatible=True),
            TlsStream(EagerStream(theirs), serving),
        )

    @cached_property
    def _authority(self) -> trustme.CA:
        return trustme.CA()

    @cached_property
    def _certificate(self) -> trustme.LeafCert:
        return self._authority.issue_cert("gateway.example")


ways: Final = Ways()
