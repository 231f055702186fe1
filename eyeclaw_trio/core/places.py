"""Whose turn a bot is busy with, who waits for it, and on which link it is told the next.

`Places` is the decision behind `relay/station`: links that come and go, turns that ask and leave,
words that were heard and the time go in; who may send its command now comes out. A place belongs
to the bot and not to a link: a second link is usually the same SDK, come back and still answering
(PROTOCOL 2, "What arrives in the field"). It is a record of whose turn it is and when it was last
heard, and needs no task of its own: whoever waits for it asks when silence would free it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from enum import Enum
from typing import Final, Generic, Protocol, TypeVar

from attrs import define, frozen

from eyeclaw_trio.core.waiting_line import WaitingLine
from eyeclaw_trio.errors import BotBusy

# A bot that has linked anew and is still at an earlier turn says so within about this time
# (seconds): what it had to say while it was away comes first, and pieces come many a second.
SETTLES_WITHIN: Final = 1.0


class BotTraits(Hashable, Protocol):
    """What has to be known of a link, to decide about it."""

    @property
    def capacity(self) -> int:
        """How many commands the bot takes at once."""

    @property
    def can_cancel(self) -> bool:
        """Whether the bot stops when it is told `cancel`."""

    @property
    def can_resume(self) -> bool:
        """Whether a command that is sent again is not run again."""

    @property
    def is_alive(self) -> bool:
        """Whether the bot can still be told anything on it."""


L = TypeVar("L", bound=BotTraits)


class Stage(Enum):
    """How far a turn is with its bot."""

    WAITING = "waiting"  # in the queue
    GRANTED = "granted"  # its place is there; its command is about to be sent
    BUSY = "busy"  # the bot is at it, or was when it was last heard
    OVER = "over"  # the bot has said its end; last words (a summary) may follow


@define(eq=False, weakref_slot=False)  # there may be thousands
class Place(Generic[L]):
    """One turn as its bot sees it, of this owner's.

    `link` is the one that it was last heard on, or told on; None while its command has not been
    sent at all.
    """

    session_id: str
    trace_id: str
    owner: Hashable = None
    stage: Stage = Stage.WAITING
    link: L | None = None
    heard_at: float = -math.inf
    has_spoken: bool = False
    held_by: str = ""
    """The trace of the turn that was in the way when this one was asked; empty when none was."""

    def hear(self, link: L, at: float) -> None:
        """The bot has spoken of this turn, on this link."""
        self.link = link
        self.heard_at = at
        self.has_spoken = True


@frozen(eq=False, weakref_slot=False)  # there may be ten thousand
class _Attached(Generic[L]):
    link: L
    at: float


class Places(Generic[L]):
    """The links, places and queue of one bot. Times are monotonic seconds and never go back.

    `idle_timeout` and `resume_grace` are in seconds, `queue_limit` in turns. All owners share the
    queue: their turns come by turns, and who fills it leaves it to others.
    """

    __slots__ = (  # one for each bot
        "_idle_timeout",
        "_left",
        "_links",
        "_over",
        "_queue",
        "_queue_limit",
        "_resume_grace",
        "_taken",
    )

    def __init__(self, idle_timeout: float, resume_grace: float, queue_limit: int) -> None:
        self._idle_timeout = idle_timeout
        self._resume_grace = resume_grace
        self._queue_limit = queue_limit
        self._links: list[_Attached[L]] = []  # the newest last
        self._queue: WaitingLine[Place[L]] = WaitingLine()  # WAITING
        self._taken: dict[str, Place[L]] = {}  # GRANTED and BUSY, and somebody reads
        self._left: dict[str, Place[L]] = {}  # BUSY, and nobody reads any more
        self._over: dict[str, Place[L]] = {}  # OVER, and somebody reads

    # ---- what is so -----------------------------------------------------------------------------

    @property
    def links(self) -> int:
        """How many links are attached."""
        return len(self._links)

    @property
    def waiting(self) -> int:
        """How many turns wait for a place."""
        return self._queue.size

    @property
    def taken(self) -> int:
        """How many places are taken, those that their readers have left too."""
        return len(self._taken) + len(self._left)

    @property
    def newest(self) -> L | None:
        """The link that takes the next command: one that was told to end takes none."""
        for each in reversed(self._links):  # each turn asks some times: no call for one link
            if each.link.is_alive:
                return each.link
        return None

    def find_left(self, session_id: str) -> Place[L] | None:
        """The place of a turn that its reader has left, if the bot may still be at it."""
        return self._left.get(session_id)

    def free_at(self) -> float:
        """When silence alone frees a place (inf for never). Look again then: not before, and as
        long as there is no link, not at all."""
        if not self._left or not self._links:
            return math.inf
        return min(map(self._silent_at, self._left.values()))

    # ---- links ----------------------------------------------------------------------------------

    def attach(self, link: L, now: float) -> list[Place[L]]:
        """A link has come. Returns the left turns that are to be cancelled on it: their readers
        went while nobody could be told. Their places are free."""
        self._links.append(_Attached(link, now))
        if not link.can_cancel:
            return []
        left = list(self._left.values())
        self._left.clear()
        return left

    def detach(self, link: L) -> list[Place[L]]:
        """A link has gone. Returns the turns that were last heard on it, where somebody waits."""
        self._links = [each for each in self._links if each.link is not link]
        read = (*self._taken.values(), *self._over.values())
        return [place for place in read if place.link is link]

    def retiring(self) -> Iterator[L]:
        """The older links that nothing holds any more (RELIABILITY 25): a link is busy with what
        it answers, also for a reader who has left, and with the last words of a turn that
        somebody still reads."""
        if len(self._links) < 2:
            return
        newest = self._newest_attached
        if newest is None:
            return
        holding = (*self._taken.values(), *self._left.values(), *self._over.values())
        busy = {id(place.link) for place in holding}
        for attached in self._links[: self._links.index(newest)]:
            if id(attached.link) not in busy:
                yield attached.link

    # ---- turns ----------------------------------------------------------------------------------

    def make_room(self, owner: Hashable) -> Place[L] | None:
        """Before a turn of this owner's asks: the one that leaves a full queue for it, for which
        the bot is busy; the newest of whoever has most in it, where that is more than this owner
        will have."""
        if self._queue.size < self._queue_limit:
            return None
        greediest = self._queue.find_greediest()
        if self._queue.of(greediest) <= self._queue.of(owner) + 1:
            return None
        newest = self._queue.pop_newest(greediest)
        newest.stage = Stage.OVER
        newest.held_by = self._find_holder()
        return newest

    def ask(self, session_id: str, trace_id: str, now: float, owner: Hashable = None) -> Place[L]:
        """A turn wants a place. Raises BotBusy when too many wait already."""
        if self._left:
            self._forget_silent(now)
        newest = self.newest
        capacity = newest.capacity if newest is not None else 1
        is_free = not self._queue.size and self.taken < capacity
        if not is_free and self._queue.size >= self._queue_limit:
            raise BotBusy(self._find_holder())
        place: Place[L] = Place(
            session_id, trace_id, owner, held_by="" if is_free else self._find_holder()
        )
        self._queue.add(owner, place)
        return place

    def grant(self, now: float) -> list[Place[L]]:
        """Give the places that are free: owners in turns, and of one owner's in order. The turn of
        each is to `begin`."""
        if self._left:
            self._forget_silent(now)
        granted: list[Place[L]] = []
        if not self._queue.size:
            return granted
        link = self.newest
        while link is not None and self._queue.size and self.taken < link.capacity:
            place = self._queue.pop()
            self._taken[place.session_id] = place
            granted.append(_granted(place, now))
        return granted

    def grant_again(self, now: float) -> list[Place[L]]:
        """After a link has come or gone: the turns that are to `begin` again, because their
        command was never sent, or may have died with its link where that is safe to repeat."""
        unheard = [
            each
            for each in self._taken.values()
            if not each.has_spoken and each.stage is Stage.BUSY
        ]
        if not unheard:
            return []
        link = self.newest
        if link is None:
            return []
        return [_granted(place, now) for place in unheard if self._is_unheard(place, link)]

    def begin(self, place: Place[L], now: float) -> L | None:
        """The turn sends its command: on which link. None where there is no need any more, and
        where there is no link just now: then it is granted again when there is one."""
        if place.stage is not Stage.GRANTED:
            return None
        place.stage = Stage.BUSY
        place.heard_at = now
        link = self.newest
        if link is None or place.has_spoken:
            return None
        if place.link is not None and not link.can_resume:
            return None  # granted again for a link that could resume, and this one came behind it
        place.link = link
        return link

    def end(self, place: Place[L]) -> bool:
        """The bot has said its end. Returns whether that has freed a place."""
        session_id = place.session_id
        if self._left.pop(session_id, None) is not None:
            place.stage = Stage.OVER
            return True
        if self._taken.pop(session_id, None) is None:
            return False
        place.stage = Stage.OVER
        self._over[session_id] = place
        return True

    def leave(self, place: Place[L], now: float) -> L | None:
        """Nobody reads this turn any more. Returns the link to say `cancel` on, if it is not
        over; its place is free at once where the bot can cancel or was never asked, else when it
        has ended or been silent for long."""
        session_id = place.session_id
        if place.stage is Stage.WAITING:
            self._queue.discard(place.owner, place)
        self._over.pop(session_id, None)
        if self._taken.pop(session_id, None) is None or place.link is None:
            return None
        link = place.link if place.link.is_alive else self.newest
        if (link is None or not link.can_cancel) and self._silent_at(place) > now:
            self._left[session_id] = place
        return link

    # ---- inside ---------------------------------------------------------------------------------

    @property
    def _newest_attached(self) -> _Attached[L] | None:
        for each in reversed(self._links):
            if each.link.is_alive:
                return each
        return None

    def _find_holder(self) -> str:
        """Whose turn is in the way: of several the one that was silent for longest."""
        taken = (*self._taken.values(), *self._left.values())
        holder = min(taken, key=lambda place: place.heard_at, default=None)
        return holder.trace_id if holder is not None else ""

    def _is_unheard(self, place: Place[L], link: L) -> bool:
        is_attached = any(attached.link is place.link for attached in self._links)
        return place.link is None or (link.can_resume and not is_attached)

    def _silent_at(self, place: Place[L]) -> float:
        """When a left place is free by silence about its turn.

        Where the bot has linked anew since, that comes sooner: the process behind the new link
        is probably a new one, which knows nothing of the turn.
        """
        newest = self._newest_attached
        if newest is None or place.link is newest.link or newest.at < place.heard_at:
            return place.heard_at + self._idle_timeout
        sooner = max(place.heard_at + self._resume_grace, newest.at + SETTLES_WITHIN)
        return min(sooner, place.heard_at + self._idle_timeout)

    def _forget_silent(self, now: float) -> None:
        silent = [key for key, place in self._left.items() if self._silent_at(place) <= now]
        for session_id in silent:
            del self._left[session_id]


def _granted(place: Place[L], now: float) -> Place[L]:
    place.stage = Stage.GRANTED
    place.heard_at = now
    return place
