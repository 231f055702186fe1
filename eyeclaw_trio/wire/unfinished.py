"""Messages that have begun and are not there to their end: bounded, of all sockets together.

Each is bounded by itself, but sockets are many, and a peer that begins a message on each of them
and ends none would fill the memory. The one that began longest ago makes room (RELIABILITY 35).
"""

from __future__ import annotations

from typing import Final, Protocol

from eyeclaw_trio.wire.peer_log import PeerLog

# Bytes of them all. In memory they may take four times that, as wide characters do.
UNFINISHED: Final = 6 * 1_048_576
# Bytes of one message that are not counted: nearly all are smaller, and soon there. A key may have
# two thousand sockets.
COUNTED_FROM: Final = 2_048


class Abortable(Protocol):
    """What has to make room."""

    def abort(self) -> None:
        """End the connection now."""


class Unfinished:
    """How much of them there is, by socket."""

    def __init__(self, limit: int = UNFINISHED) -> None:
        self.total = 0
        """Bytes, of those that are counted."""
        self._limit = limit
        self._peers = PeerLog()
        self._sizes: dict[Abortable, int] = {}  # the one that began longest ago first

    def note(self, socket: Abortable, size: int) -> None:
        """So many bytes of a message are there now; 0 when it is there to its end, or gone."""
        counted = size if size >= COUNTED_FROM else 0
        self.total += counted - self._sizes.get(socket, 0)
        if counted:
            self._sizes[socket] = counted
        else:
            self._sizes.pop(socket, None)
        while self.total > self._limit:
            oldest = next(iter(self._sizes))
            self.total -= self._sizes.pop(oldest)
            self._peers.warning("unfinished messages", "socket.made_room", left=self.total)
            oldest.abort()
