"""Accepts connections: several in a pass of the loop, and a task for each.

trio's own `serve_listeners` takes one connection a pass. A pass is as long as what all others do
in it, so that whoever comes behind a crowd would wait for a pass for each of it (RELIABILITY 35).
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from eyeclaw_trio.wire.peer_log import PeerLog

# Connections in one pass at the most. Far fewer than there may be newcomers, so that each is looked
# at in some passes before it has to make room for others.
AT_A_TIME: Final = 16
# A pass that takes longer is one in which those who are there wait for those who come (seconds):
# the first bytes of a connection are a third of a millisecond of work, a bot's handshake some.
LONG_PASS: Final = 0.004
# Where files or memory have run out there is nothing to do but to look again later (seconds).
LOOK_AGAIN: Final = 0.1

_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))
_FATAL: Final = _EXHAUSTED | {errno.EBADF, errno.EINVAL, errno.ENOTSOCK}

Serve = Callable[[trio.abc.Stream], Awaitable[None]]
"""Serves one connection. Returns with it closed, whatever happened; raises nothing but bugs."""

Wrap = Callable[[trio.SocketStream], trio.abc.Stream]
"""Puts around a connection what it is spoken through, such as TLS. Must not wait."""


class Share:
    """How many connections are taken in the next pass: as many as keep it short.

    What a connection costs shows only afterwards, in how long the pass was.
    """

    def __init__(self) -> None:
        self.size = 1

    def note(self, took: float) -> None:
        """A pass in which so many were taken, and more were there, has taken so long (seconds)."""
        if took > LONG_PASS:
            self.size = max(1, self.size // 2)
        else:
            self.size = min(AT_A_TIME, self.size * 2)


async def accept_connections(
    serve: Serve,
    listeners: Sequence[trio.SocketListener],
    wrap: Wrap | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve whoever comes, each in a task of its own, until cancelled; then the listeners are
    closed, and every connection is ended. What `serve` raises ends all of it."""
    async with trio.open_nursery() as nursery:
        for listener in listeners:
            nursery.start_soon(_accept_from, listener, nursery, serve, wrap)
        task_status.started()


async def _accept_from(
    listener: trio.SocketListener, nursery: trio.Nursery, serve: Serve, wrap: Wrap | None
) -> None:
    peers = PeerLog()
    share = Share()
    async with listener:
        # The same file by the standard library, which can be asked without a wait.
        door = socket.socket(fileno=listener.socket.fileno())
        door.setblocking(False)
        try:
            was_full, began = False, 0.0
            while True:
                await trio.lowlevel.wait_readable(door)
                now = time.perf_counter()
                if was_full:
                    share.note(now - began)
                try:
                    accepted = _accept_ready(door, share.size)
                except OSError as error:
                    if error.errno not in _EXHAUSTED:
                        raise
                    peers.warning("all", "connection.none_accepted", why=error.strerror)
                    await trio.sleep(LOOK_AGAIN)
                    continue
                for stream in accepted:
                    nursery.start_soon(serve, stream if wrap is None else wrap(stream))
                was_full, began = len(accepted) == share.size, now
        finally:
            door.detach()  # the listener closes it


def _accept_ready(door: socket.socket, most: int) -> list[trio.SocketStream]:
    """Those that are there, so many at the most. Raises OSError where the system cannot take the
    first of them."""
    accepted: list[trio.SocketStream] = []
    while len(accepted) < most:
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
