"""A turn that is relayed into a log instead of a connection (PROTOCOL 3).

`TurnLog` is the reply of a triggered turn: it keeps the whole answer, and any number of readers
take it from there, each from wherever it likes and at its own pace. `TurnLogs` knows the logs of
all triggered turns, whose they are, and forgets each some time after its end.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, assert_never

import trio
from attrs import define, frozen

from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.patience import ANSWER_LIMIT
from eyeclaw_trio.core.reply_events import Aside, DeviceAction, FollowUps, KeepAlive, ReplyEvent
from eyeclaw_trio.core.shares import Portion, Shares
from eyeclaw_trio.errors import AnswerTooLong, GatewayStopping, TurnFailed
from eyeclaw_trio.protocol.worker import LogEntry, LoggedChunk, LoggedEnd, LoggedError
from eyeclaw_trio.relay.news import News
from eyeclaw_trio.wakeup import Wakeup

# A turn can be read so long after its end (seconds; PROTOCOL 3).
KEPT_FOR: Final = 60.0
# One answer may cost this much memory (bytes): a million Chinese characters in large pieces, more
# than ten thousand pieces in small ones. A log holds the whole of it, or says that it could not.
LOG_LIMIT: Final = ANSWER_LIMIT
# All logs together (bytes), and how many there may be: with two kilobytes of text in sixty pieces,
# which is a long answer for a wearer, the two are reached at about the same time. All access keys
# share both, so that one of them alone has half of it at most.
ROOM: Final = 64 * 1_048_576
KEPT_TURNS: Final = 4_096
# What an entry costs beside its text (bytes): the object, its numbers, its place in the list.
_ENTRY_COST: Final = 160
# A reader takes about so much at once (bytes, and one entry at least): the unit of its pace.
BATCH: Final = 65_536
_BATCH_COST: Final = 400  # of it for what stands around each text on the wire
# When the gateway stops, whoever has triggered has so long after the end of the turn to fetch the
# rest (seconds): workers in the field subscribe within half a second.
READ_WITHIN: Final = 5.0


@define
class Visit:
    """One reader's visit to a log; whoever reads says when all has been read."""

    has_read_all: bool = False


class TurnLog:
    """Keeps one answer; a `relay.turn.Reply`.

    Entries are numbered from 1, and the last is an end or an error. Nothing is ever dropped: an
    answer that does not fit raises AnswerTooLong, whose text is then the last entry.
    """

    def __init__(self, wording: Wording, room: Portion, limit: int = LOG_LIMIT) -> None:
        self.ended_at: float | None = None
        """When the last entry came (monotonic seconds); None while the turn runs."""
        self.is_forgotten = False
        self._wording = wording
        self._room = room
        self._limit = limit
        self._entries: list[LogEntry] = []
        self._readers = 0
        self._was_read = False
        self._is_polled = False
        self._news = News()
        self._leavings = trio.lowlevel.ParkingLot()

    # ---- as the turn sees it --------------------------------------------------------------------

    async def open(self) -> None:
        """Nothing has to be shown: readers come when they like. Never waits, so it is never
        cancelled."""

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Keep the texts among these events. Raises AnswerTooLong at the first that does not fit.

        Never leaves a rest: what is in the log counts as written, whether anybody reads it or not.
        """
        for event in events:
            match event:
                case str(text) | Aside(text):
                    self._take_room(_ENTRY_COST + sys.getsizeof(text))
                    self._entries.append(LoggedChunk(self.last_id + 1, time.time(), text))
                case KeepAlive():
                    pass  # those who read the log are kept alive by their own doors
                case DeviceAction() | FollowUps():
                    pass  # the worker's clients know texts only (PROTOCOL 3)
                case _:
                    assert_never(event)
        self._news.tell()
        return True

    async def drain(self) -> None:
        """There is never a rest: never waits, so it is never cancelled."""

    async def finish(self) -> None:
        """The answer is whole. Never waits, so it is never cancelled."""
        self._end(LoggedEnd(self.last_id + 1, time.time()))

    async def apologise(self, failure: TurnFailed) -> None:
        """The answer ends with the text for this failure. Never waits, so it is never cancelled."""
        text = self._wording.apology(failure)
        self._end(LoggedError(self.last_id + 1, time.time(), text))

    def monitor_hangup(self, *_: object) -> AbstractContextManager[None]:
        """A triggered turn needs no reader: nobody ever leaves."""
        return nullcontext()

    def close(self) -> None:
        """The turn is over. What was cut off without a word ends with the general apology."""
        if self.ended_at is None:
            text = self._wording.apology(GatewayStopping())
            self._end(LoggedError(self.last_id + 1, time.time(), text))

    # ---- as readers see it ----------------------------------------------------------------------

    @property
    def last_id(self) -> int:
        """The id of the last entry there is, 0 while there is none."""
        return len(self._entries)

    def has_been_told(self, entry_id: int) -> bool:
        """Whether nothing will ever come behind this id."""
        return self.ended_at is not None and entry_id >= self.last_id

    def after(self, entry_id: int) -> Sequence[LogEntry]:
        """The next entries behind this id, about BATCH bytes on the wire and one entry at least;
        none where there are none (yet), and in a log that is forgotten."""
        size = 0
        stop = entry_id
        while stop < len(self._entries) and size < BATCH:
            entry = self._entries[stop]
            size += _BATCH_COST
            size += 4 * len(entry.content) if isinstance(entry, LoggedChunk) else 0
            stop += 1
        return self._entries[entry_id:stop]

    async def wait_after(self, entry_id: int) -> None:
        """Return when there is an entry behind this id, or there will never be one.
        Cancellation changes nothing."""
        while self.last_id <= entry_id and self.ended_at is None:
            await self._news.wait()

    @contextmanager
    def reading(self, *, comes_back: bool = False) -> Iterator[Visit]:
        """Somebody reads while inside. Who `comes_back` reads in several visits: he is waited for
        when one ends before the end."""
        visit = Visit()
        self._readers += 1
        try:
            yield visit
        finally:
            self._readers -= 1
            self._was_read = self._was_read or visit.has_read_all
            if comes_back:
                self._is_polled = not visit.has_read_all
            self._leavings.unpark_all()

    async def wait_until_read(self) -> None:
        """Return when somebody has read it to the end, nobody reads it any more, and nobody is
        about to come back for more; at most READ_WITHIN after the end of the turn. Cancellation
        changes nothing."""
        while self.ended_at is None:
            await self._news.wait()
        with trio.move_on_at(self.ended_at + READ_WITHIN):
            while self._readers or self._is_polled or not self._was_read:
                await self._leavings.park()

    def forget(self) -> None:
        """Give the memory back. Who still reads gets nothing more."""
        self.is_forgotten = True
        self._entries = []
        self._room.release()

    # ---- inside ---------------------------------------------------------------------------------

    def _take_room(self, size: int) -> None:
        if self._room.size + size > self._limit or not self._room.take(size):
            raise AnswerTooLong

    def _end(self, entry: LoggedEnd | LoggedError) -> None:
        # The last word is short, and there is always room for it.
        self._entries.append(entry)
        self.ended_at = trio.current_time()
        self._news.tell()


@frozen(eq=False)
class TriggeredTurn:
    """One triggered turn: whose it is, and what has been said in it."""

    session_id: str
    key_id: int
    bot_id: int
    log: TurnLog


class TurnLogs:
    """The triggered turns that can be read: those that run, and those that ended lately.

    The access keys share `room` (bytes) and the number that is `kept`.
    """

    def __init__(self, room: Shares | None = None, kept: Shares | None = None) -> None:
        self.room = room or Shares(ROOM)
        self._kept = kept or Shares(KEPT_TURNS)
        self._turns: dict[str, TriggeredTurn] = {}
        self._ended: deque[tuple[float, TriggeredTurn]] = deque()  # with when to forget it
        self._one_more_ended = Wakeup()

    def __len__(self) -> int:
        return len(self._turns)

    def has_room(self, key_id: int) -> bool:
        """Whether one more turn of this key can be kept, however long its answer. What other keys
        have taken leaves it a part of its own (RELIABILITY 36)."""
        return self._kept.allows(key_id, 1) and self.room.allows(key_id, LOG_LIMIT)

    def make_log(self, wording: Wording, key_id: int) -> TurnLog:
        """An empty log, for a turn of this key that is about to run."""
        return TurnLog(wording, self.room.portion(key_id))

    @contextmanager
    def running(self, turn: TriggeredTurn) -> Iterator[None]:
        """The turn runs while inside; it can be read from now on until KEPT_FOR after its end."""
        self._turns[turn.session_id] = turn
        self._kept.move(turn.key_id, 1)
        try:
            yield
        finally:
            turn.log.close()
            self._ended.append((trio.current_time() + KEPT_FOR, turn))
            self._one_more_ended.set()

    def find(self, session_id: str, *, key_id: int, bot_id: int) -> TriggeredTurn | None:
        """The turn that was triggered with this key for this bot; None for an unknown, a foreign
        and an expired one alike (RELIABILITY 24)."""
        turn = self._turns.get(session_id)
        if turn is None or (turn.key_id, turn.bot_id) != (key_id, bot_id):
            return None
        return turn

    async def sweep(self) -> None:
        """Forget each turn KEPT_FOR seconds after its end, for ever; one call at a time.
        Cancellation may leave one that was due: the gateway has ended."""
        while True:
            while not self._ended:
                await self._one_more_ended.wait()
            forget_at, turn = self._ended.popleft()
            await trio.sleep_until(forget_at)
            del self._turns[turn.session_id]
            self._kept.move(turn.key_id, -1)
            turn.log.forget()

    async def wait_until_read(self) -> None:
        """Return when every turn has ended and been read, or was not fetched in time.
        Cancellation changes nothing."""
        for turn in list(self._turns.values()):
            await turn.log.wait_until_read()
