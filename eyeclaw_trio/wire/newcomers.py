"""The connections that have not shown a key: few at a time, and the one that has waited longest
makes room (RELIABILITY 35). And those that have: some of each key, and keys in turns (RELIABILITY
36), because a thousand that ask in one instant are half a second of work, whoever they are.

Behind a proxy all peers come from one address, so no count by address may decide who is let in.
What decides is what a peer shows: one with a key is no newcomer any more, and one without has
nothing to wait for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import trio
from attrs import define

from eyeclaw_trio.core.shares import Portion, Shares
from eyeclaw_trio.wire.admission import Admission, Look
from eyeclaw_trio.wire.streams import NowaitStream, Waits

# Connections at once. Whoever has a key shows it within a round trip or two.
NEWCOMERS: Final = 256
# Of all connections that may be open one key alone may have three quarters; there is always one
# left for another. Most gateways have one key, and a wearer needs one connection.
GENEROSITY: Final = 3
# What a connection costs in memory while nothing happens on it (bytes, as measured, 2,000 of each
# kind): one that speaks HTTP; TLS beside that, with half of a record that is not there to its end;
# a WebSocket beside that; a poll that waits, with what has come behind it.
PLAIN: Final = 8_192
TLS: Final = 24_576
SOCKET: Final = 16_384
POLL: Final = 20_480

# So many of a key's connections wait for the system by themselves, which is a pass quicker.
BY_THEMSELVES: Final = 32

_UNTOUCHED: Final = nullcontext()


@define(eq=False)
class Newcomer:
    """One connection, from `Newcomers.enter` to its end: whether, and which, key it has shown."""

    _all: Newcomers
    peer: str = ""
    size: int = PLAIN
    """Bytes that it costs, with what it holds."""
    is_new: bool = True
    """It has shown no key yet."""
    was_served: bool = False
    """It has asked for something, and waits for the next thing, or to be told what was wrong."""
    is_unwanted: bool = False
    """It has made room for another, and must end."""
    _stream: NowaitStream | None = None
    _end: Callable[[], None] | None = None
    _owner: Hashable = None
    _portion: Portion | None = None

    def ends_with(self, end: Callable[[], None]) -> None:
        """From now on `end` is what ends the connection; called now where it has to end."""
        self._end = end
        if self.is_unwanted:
            end()

    def ending_here(self) -> AbstractContextManager[object]:
        """A block that is cancelled when the connection has to make room, as long as it may."""
        if not self.is_new and not self.is_unwanted:
            return _UNTOUCHED  # it has shown a key, and asks again and again
        scope = trio.CancelScope()
        self.ends_with(scope.cancel)
        return scope

    async def admission(self, said: bytes = b"") -> None:
        """Wait until something may be done for it, which has begun to say this; once it has shown a
        key, only among those who have. As `Admission.wait`, also when it is cancelled."""
        if self.is_new:
            await self._all.admit(self.peer, said, was_served=self.was_served)
        elif self._owner is not None:
            await self._all.asking.wait_as(self._owner)

    def vouch(self, owner: Hashable = None) -> bool:
        """It has shown what this owner is known by, or one who is counted elsewhere: it is no
        newcomer any more. False where that owner has too many connections already, or no memory
        left for one more."""
        if owner is not None and owner != self._owner:
            portion = self._all.memory.portion(owner)
            if not self._all.owned.allows(owner, 1) or not portion.take(self.size):
                return False
            self.end()
            self._all.owned.move(owner, 1)
            self._owner, self._portion = owner, portion
            waits = self._all.waits
            if waits and self._stream and self._all.owned.of(owner) > BY_THEMSELVES:
                self._stream.wait_with(waits)
        if self.is_new:
            self._all.forget(self)
        self._end = None  # nothing ends it for others any more
        return True

    def hold(self, size: int) -> bool:
        """It costs so many bytes more from now on; false, and it does not, where its owner may not
        have so much more. Nobody is the owner of who has not shown a key: those are few."""
        if self._portion is not None and not self._portion.take(size):
            return False
        self.size += size
        return True

    def let_go(self, size: int) -> None:
        """It costs so many bytes less."""
        self.size -= size
        if self._portion is not None:
            self._portion.give_back(size)

    def end(self) -> None:
        """It is over: it is no newcomer any more, and nobody's."""
        self._all.forget(self)
        if self._portion is not None:
            self._portion.release()
            self._portion = None
        if self._owner is not None:
            self._all.owned.move(self._owner, -1)
            self._owner = None

    def make_room(self) -> None:
        """It has waited longest: it ends."""
        self._all.forget(self)
        self.is_unwanted = True
        if self._end is not None:
            self._end()


class Newcomers:
    """All of them, the one that has waited longest first. `owned` are the connections of those who
    have shown a key, of `connections` that there may be, and `memory` what they may take of that;
    `look` is at what they say first."""

    def __init__(
        self,
        limit: int = NEWCOMERS,
        connections: int = 10_000,
        look: Look = lambda _: None,
        waits: Waits | None = None,
        memory: Shares | None = None,
    ) -> None:
        self.waits = waits
        """Where connections of a key that has many wait for what they read: they may all speak in
        one instant, and some go on in each pass of the loop. Others never wait there."""
        self.turned_out = 0
        """How many have had to make room."""
        self.admission = Admission()
        self.asking = Admission()
        """Of those who have shown a key, and ask again: they wait for none but each other."""
        self.owned = Shares(connections, GENEROSITY)
        self.memory = memory or Shares.of_memory()
        self._limit = limit
        self._look = look
        self._waiting: OrderedDict[Newcomer, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, newcomer: object) -> bool:
        return newcomer in self._waiting

    async def admit(self, peer: str, said: bytes, *, was_served: bool = False) -> None:
        """Wait until something may be done for one of this address, which has begun to say this.
        As `Admission.wait`, also when it is cancelled."""
        glimpse = self._look(said) if said and self.admission.is_busy else None
        await self.admission.wait(peer, was_served=was_served, glimpse=glimpse)

    def enter(
        self, peer: str = "", stream: NowaitStream | None = None, size: int = PLAIN
    ) -> Newcomer:
        """One more, of this address, that costs so many bytes; where there are too many already,
        another one ends."""
        if len(self._waiting) >= self._limit:
            self.turned_out += 1
            next(iter(self._waiting)).make_room()
        newcomer = Newcomer(self, peer, size, stream=stream)
        self._waiting[newcomer] = None
        return newcomer

    def forget(self, newcomer: Newcomer) -> None:
        """This one is none any more, or was none."""
        newcomer.is_new = False
        self._waiting.pop(newcomer, None)
