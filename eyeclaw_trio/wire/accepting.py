"""Accepts connections: several in a pass of the loop, and a task for each.

trio's own `serve_listeners` takes one connection a pass. A pass is as long as what all others do
in it, so that whoever comes behind a crowd would wait for a pass for each of it. The system hands
them out in their order and knows no other: they are taken quickly here, which costs little, and
`admission` says who of them goes on (RELIABILITY 35).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from eyeclaw_trio.wire.newcomers import PLAIN, TLS
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.streams import EagerStream, NowaitStream, PatientStream
from eyeclaw_trio.wire.tls_stream import TlsStream

# Connections in one pass at the most: two milliseconds. Each then waits until it is admitted.
AT_A_TIME: Final = 128
# Where files or memory have run out there is nothing to do but to look again later (seconds).
LOOK_AGAIN: Final = 0.1

_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))
_FATAL: Final = _EXHAUSTED | {errno.EBADF, errno.EINVAL, errno.ENOTSOCK}

Serve = Callable[[trio.abc.Stream], Awaitable[None]]
"""Serves one connection. Returns with it closed, whatever happened; raises nothing but bugs."""

Secure = Callable[[trio.SocketStream], TlsStream]
"""Puts TLS around a connection. Must not wait."""


def wrap(stream: trio.abc.Stream) -> NowaitStream:
    """What was accepted, as the stream that all the rest works with."""
    if isinstance(stream, trio.SocketStream):
        return EagerStream(stream)
    if isinstance(stream, TlsStream):
        return stream
    return PatientStream(stream)


def size_of(stream: NowaitStream) -> int:
    """Bytes that a connection over it costs."""
    return PLAIN + TLS if isinstance(stream, TlsStream) else PLAIN


async def accept_connections(
    serve: Serve,
    listeners: Sequence[trio.SocketListener],
    secure: Secure | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve whoever comes, each in a task of its own, until cancelled; then the listeners are
    closed, and every connection is ended. What `serve` raises ends all of it."""
    async with trio.open_nursery() as nursery:
        for listener in listeners:
            nursery.start_soon(_accept_from, listener, nursery, serve, secure)
        task_status.started()


async def _accept_from(
    listener: trio.SocketListener, nursery: trio.Nursery, serve: Serve, secure: Secure | None
) -> None:
    peers = PeerLog()
    async with listener:
        # The same file by the standard library, which can be asked without a wait.
        door = socket.socket(fileno=listener.socket.fileno())
        door.setblocking(False)
        try:
            while True:
                await trio.lowlevel.wait_readable(door)
                try:
                    accepted = _accept_ready(door)
                except OSError as error:
                    if error.errno not in _EXHAUSTED:
                        raise
                    peers.warning("all", "connection.none_accepted", why=error.strerror)
                    await trio.sleep(LOOK_AGAIN)
                    continue
                for stream in accepted:
                    secured = stream if secure is None else secure(stream)
                    # One name for all tasks: trio would make one for each, and keep it.
                    nursery.start_soon(serve, secured, name="connection")
        finally:
            door.detach()  # the listener closes it


def _accept_ready(door: socket.socket) -> list[trio.SocketStream]:
    """Those that are there, AT_A_TIME at the most. Raises OSError where the system cannot take the
    first of them."""
    accepted: list[trio.SocketStream] = []
    while len(accepted) < AT_A_TIME:
        try:
            connection, _ = door.accept()
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno not in _FATAL:
                continue  # this one has gone again, or the network behind it
            if accepted:
                break
            raise
        accepted.append(trio.SocketStream(trio.socket.from_stdlib_socket(connection)))
    return accepted
