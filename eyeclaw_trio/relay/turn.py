"""The heart: one question goes out to a bot, one answer comes back to whoever asked.

One nursery per question owns everything that the turn is made of: the inbox that its bot's
messages come through, the sending of the command, the clock with the idle time-out, and the
writer of the reply. When the nursery ends, nothing of the turn is left (DESIGN).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import trio
from attrs import define

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import LATE
from eyeclaw_trio.core.reply_events import Aside, ReplyEvent
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.core.turn_messages import PLACE_GRANTED, TurnMessage
from eyeclaw_trio.errors import (
    BotBusy,
    KeyRevoked,
    PhotoRefused,
    ReaderGone,
    SlowReader,
    TurnFailed,
)
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.relay.seam import TurnSide
from eyeclaw_trio.relay.turns import OpenTurn


class Reply(Protocol):
    """Where an answer is written. Only one task writes; a cancelled write ends the connection.

    All writes raise ReaderGone when nobody is left to read. A cancelled one may have written
    half an event: its connection is then closed and never used again.
    """

    async def open(self) -> None:
        """Show at once that somebody is at work; what fails before that needs none. Done already,
        nothing happens.

        Raises ReaderGone. Cancellation leaves the reply broken, as for all writes.
        """

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Write these events, in order, as far as that can be done without waiting; false where
        a rest is left, which `drain` writes before anything else is sent."""

    async def drain(self) -> None:
        """Write the rest. Returns when the bytes have been handed over.

        Raises ReaderGone. Cancellation may leave half an event.
        """

    async def finish(self) -> None:
        """Write the ending of a whole answer. Raises ReaderGone; cancellation may leave half."""

    async def apologise(self, failure: TurnFailed) -> None:
        """Write the text for a failure, and the ending. Raises ReaderGone; cancellation may
        leave half."""

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """While inside, `leave` is called when nobody listens any more. Where it takes a task to
        find that out, it is one of the nursery, which is cancelled in the end."""


Pace = Callable[[], Awaitable[None]]
"""Returns when a turn may do what costs much. Hundreds of one key may end, or be told something, in
one instant: they go on some at a time. Cancellation changes nothing."""


async def _alone() -> None:
    """No other turn is there."""


async def relay_turn(
    command: ExecuteCommand,
    station: TurnSide,
    reply: Reply,
    answer: Answer,
    trace: Trace,
    pace: Pace = _alone,
) -> None:
    """Ask the bot and stream its answer into the reply; returns when the turn is over. What begins
    or ends an answer is taken at this `pace`.

    However it ends, the bot knows (an unfinished command is told `cancel`), no task is left, and
    `trace` says how. Failures of the bot become a text in the reply; nothing is raised but bugs
    and cancellation from outside. After a cancellation or a ReaderGone the reply may hold half
    an event: its connection must be closed, which is the reply's to know.
    """
    async with trio.open_nursery() as nursery:
        hang_up = HangUp(nursery.cancel_scope)
        try:
            with reply.monitor_hangup(nursery, hang_up):
                # Whoever has left already, while his question waited, asks nothing.
                await trio.lowlevel.checkpoint_if_cancelled()
                try:
                    with station.open(  # listen first, ask second
                        command, overflow=nursery.cancel_scope, owner=trace.asked_by
                    ) as turn:
                        del command  # the turn lets go of it when its bot has spoken
                        await _Flow(turn, station, reply, answer, trace, pace).run()
                    if answer.failure is not None:
                        raise _let_go(answer, answer.failure)
                    await reply.finish()
                    trace.end(Outcome.ANSWERED)
                except TurnFailed as failure:
                    await reply.apologise(failure)
                    if isinstance(failure, BotBusy) and failure.held_by:
                        now = trio.current_time()
                        trace.note(Happening.QUEUE_FULL, now, held_by=failure.held_by)
                    # Of a photo its bot has said why.
                    said = failure.why if isinstance(failure, PhotoRefused) else ""
                    trace.end_with(failure, said=said)
        except ReaderGone as gone:
            trace.end_with(gone)
            await pace()  # of readers who take nothing many may be given up in one instant
        finally:
            # Counts only where nothing above has had its say.
            trace.end(Outcome.CANCELLED if hang_up.has_come else Outcome.INTERRUPTED)
        nursery.cancel_scope.cancel()  # all is said: stop listening for a hang-up


@define
class _Flow:
    """The messages of one turn, on their way from its inbox into its reply."""

    _turn: OpenTurn
    _station: TurnSide
    _reply: Reply
    _answer: Answer
    _trace: Trace
    _pace: Pace
    _notices: int = 0  # of the costly ones that the inbox has had
    _is_waiting: bool = False  # for a place, when last looked at
    _look_at: float = math.inf  # at the latest

    async def run(self) -> None:
        """Relay until the answer is complete. Raises TurnFailed and ReaderGone as the reply
        finds out. Cancelled or not, no bot waits in vain for what it has said."""
        self._note_begin()
        try:
            # A free place is granted already, and a word of ours may be due already.
            begun = self._take(self._turn.inbox.receive_nowait(), is_open=False)
            self._notices = self._turn.inbox.notices
            await self._reply.open()
            if begun:
                if not self._reply.send_nowait(begun):
                    await self._reply.drain()
                self._note_written(begun)
            while not self._answer.complete:
                unwritten = await self._relay_until_blocked()
                if unwritten:
                    await self._reply.drain()  # one task writes, and no clock of ours cuts it
                    self._note_written(unwritten)  # written, not merely received
        finally:
            self._note_end()

    async def _relay_until_blocked(self) -> Sequence[ReplyEvent]:
        """Relay what comes until a write would have to wait, or something has come that costs
        much; returns what is to be drained then, if anything. Cancellation loses no message.

        The clock runs while messages are waited for, and never while something is written. One
        scope lasts for the whole call: to make one for each wait costs a tenth of a chunk (14 µs,
        where a look at the deadline is 0.1).
        """
        due = self._due()
        inbox = self._turn.inbox
        messages: Sequence[TurnMessage] = ()
        with trio.CancelScope(deadline=due) as clock:
            while not self._answer.complete:
                # A moment that has moved away is found out when the old one has come.
                if (now_due := self._due()) < due:
                    clock.deadline = due = now_due
                self._look_at = now_due
                messages = await inbox.receive()
                if inbox.notices != self._notices:
                    self._notices = inbox.notices
                    break
                unwritten = self._take(messages)
                messages = ()
                if unwritten:
                    return unwritten
        return await self._take_at_pace(messages)

    async def _take_at_pace(self, messages: Sequence[TurnMessage]) -> Sequence[ReplyEvent]:
        """Take what costs much, or what time it is, when it is this turn's turn; returns as
        `_take`. Cancelled, these messages have been taken all the same."""
        try:
            await self._pace()
        finally:
            # A bot is not blamed for what has come while we were busy.
            unwritten = self._take([*messages, *self._turn.inbox.receive_nowait()])
        return unwritten

    def _due(self) -> float:
        if self._is_waiting:
            return min(self._answer.deadline(), self._station.next_place_due())
        return self._answer.deadline()

    def _take(
        self, messages: Sequence[TurnMessage], *, is_open: bool = True
    ) -> Sequence[ReplyEvent]:
        """Write what these messages, or the time that it is, give to write; returns it where it
        could not be written without waiting, and where the reply is not open yet."""
        turn = self._turn
        if self._is_waiting:
            self._station.assign_places()
            self._is_waiting = turn.is_waiting
        if turn.command is not None and PLACE_GRANTED in messages:
            self._station.send_command(turn)
        now = trio.current_time()
        if now - self._look_at > LATE:
            self._answer.excuse(now - self._look_at, now)
        events = self._answer.step(messages, now)
        if events and not (is_open and self._reply.send_nowait(events)):
            return events
        self._note_written(events)
        return ()

    def _note_written(self, events: Sequence[ReplyEvent]) -> None:
        texts = [event for event in events if event.__class__ is str]
        if len(texts) < len(events):  # the others are no part of the answer's text
            for event in events:
                if isinstance(event, Aside):
                    self._trace.note_aside()
        if texts:
            since = self._turn.inbox.waiting_since
            self._trace.note_written(trio.current_time(), since, texts)
        if sequences := self._answer.written():
            self._station.acknowledge(self._turn, sequences)

    def _note_begin(self) -> None:
        now = trio.current_time()
        self._trace.note(Happening.SUBSCRIBED, now)
        self._is_waiting = self._turn.is_waiting
        if self._is_waiting:
            self._trace.note(Happening.QUEUED, now, held_by=self._turn.place.held_by or None)

    def _note_end(self) -> None:
        turn, answer = self._turn, self._answer
        self._station.acknowledge(turn, answer.owed())  # no bot may wait in vain
        turn.unfinished = answer.unfinished()
        # Both may cut off what is to be written, and then nothing else says why.
        if turn.inbox.overflowed:
            self._trace.end_with(SlowReader())
        elif turn.is_revoked and not answer.is_whole:
            self._trace.end_with(KeyRevoked())


@define(weakref_slot=False)  # there may be thousands
class HangUp:
    """A reader's hang-up: cancels this scope when it is called."""

    _scope: trio.CancelScope
    has_come: bool = False

    def __call__(self) -> None:
        self.has_come = True
        self._scope.cancel()


def _let_go(answer: Answer, failure: TurnFailed) -> TurnFailed:
    """The failure of this answer, to be raised, and kept by it no longer. What is raised remembers
    where, and so all that hangs on the answer, which would keep itself for the collector."""
    answer.failure = None
    return failure
