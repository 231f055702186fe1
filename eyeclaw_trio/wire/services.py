"""The tasks that all connections share, and their owner: one reads, one pings, one writes."""

from __future__ import annotations

from typing import Final

import trio
from attrs import field, frozen

from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.wire.admission import Admission
from eyeclaw_trio.wire.budget import Budget
from eyeclaw_trio.wire.flusher import Flusher
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.ping_wheel import PingWheel
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.unfinished import Unfinished

# Bytes that the library is given of all sockets before others have their turn: a peer decides how
# many frames they are, and each costs it some twenty microseconds.
LIBRARY_BYTES: Final = 65_536
# Bytes that wait in all outboxes together; all owners share it.
WAITING: Final = 64 * 1_048_576


@frozen(eq=False)
class Services:
    """What reads, pings and writes for all connections of a process.

    `budget` is for all frames that go through the library, `unfinished` counts messages that are
    not whole, and `waiting` what waits for peers, by whose they are; that is part of the `memory`
    that keys and tokens share for whatever they make us keep. `peers` is what is logged. What all
    turns of one key do in one instant waits for its `admission`. Without a poller (no epoll, or for
    a test) each connection is read by a task of its own.
    """

    pings: PingWheel = field(factory=PingWheel)
    flusher: Flusher = field(factory=Flusher)
    poller: Poller | None = field(factory=Poller.where_possible)
    budget: Budget = field(factory=lambda: Budget(size=LIBRARY_BYTES))
    unfinished: Unfinished = field(factory=Unfinished)
    waiting: Shares = field(factory=lambda: Shares(WAITING))
    admission: Admission = field(factory=Admission)
    memory: Shares = field(factory=Shares.of_memory)
    peers: PeerLog = field(factory=PeerLog)

    def __attrs_post_init__(self) -> None:
        self.count_together(self.waiting)

    def count_together(self, *parts: Shares) -> None:
        """What is taken of these is taken of the `memory`, too."""
        for each in parts:
            each.whole = self.memory

    async def run(self) -> None:
        """Serve until cancelled: without it no WebSocket is heard or says a word, and nobody
        notices that a reader has hung up. Cancellation leaves all connections as they are."""
        async with trio.open_nursery() as nursery:
            if self.poller is not None:
                nursery.start_soon(self.poller.run)
            nursery.start_soon(self.pings.run)
            nursery.start_soon(self.flusher.run)
