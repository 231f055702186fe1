"""Writes what sockets have in their outboxes: all that is due at a time, by one task.

A writer for each socket would be woken for each batch of acknowledgements, and an idle link would
keep a task for nothing. Here a socket is written to when it has something to say, together with
all others of the same moment, as far as the system takes it at once; only a socket that would
have to wait gets a task of its own.
"""

from __future__ import annotations

from typing import Final, Protocol

import structlog
import trio

from eyeclaw_trio.wakeup import Wakeup

log = structlog.get_logger(__name__)

# Sockets that are written to before other tasks have their turn: about a millisecond.
AT_A_TIME: Final = 100


class Writable(Protocol):
    """What has an outbox."""

    def write_nowait(self) -> None:
        """Write what can be written now."""

    def abort(self) -> None:
        """End the connection now."""


class Flusher:
    """Writes each outbox that it was told of, once, while `run` runs."""

    def __init__(self) -> None:
        self._due: list[Writable] = []
        self._has_some = Wakeup()

    def enqueue(self, socket: Writable) -> None:
        """This socket has something to write."""
        if not self._due:
            self._has_some.set()
        self._due.append(socket)

    async def run(self) -> None:
        """Write until cancelled; some of what is due then is not written. A bug in one socket ends
        that one, and nothing else."""
        while True:
            await self._has_some.wait()
            due, self._due = self._due, []
            for count, socket in enumerate(due, start=1):
                try:
                    socket.write_nowait()
                except Exception:
                    log.exception("socket.bug")
                    socket.abort()
                if count % AT_A_TIME == 0:
                    await trio.lowlevel.checkpoint()
