"""Both ends of one connection, over real sockets."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing

from eyeclaw_trio.wire.streams import EagerStream


def stream_of(end: socket.socket) -> trio.SocketStream:
    return trio.SocketStream(trio.socket.from_stdlib_socket(end))


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[EagerStream, trio.SocketStream]]:
    """Our end and the peer's, of one connection."""
    ours, theirs = map(stream_of, socket.socketpair())
    async with ours, theirs:
        yield EagerStream(ours), theirs


@asynccontextmanager
async def tcp_pair() -> AsyncIterator[tuple[EagerStream, trio.SocketStream]]:
    """The same over TCP, which can be reset."""
    async with (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0] as listener:
        theirs = await trio.testing.open_stream_to_socket_listener(listener)
        ours = await listener.accept()
    async with ours, theirs:
        yield EagerStream(ours), theirs


async def reset(stream: trio.SocketStream) -> None:
    """Leave without a goodbye, as a machine that has crashed and is up again."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await trio.aclose_forcefully(stream)
