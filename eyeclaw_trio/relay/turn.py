"""The heart: one question goes out to a bot, one answer comes back to whoever asked.

One nursery per question owns everything that the turn is made of: the memory channel that its
bot's messages come through, the sending of the command, the clock with the idle time-out, and the
writer of the reply. When the nursery ends, nothing of the turn is left (DESIGN).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import trio
from attrs import define

from eyeclaw_trio.core.answer import Answer, ReplyEvent, TurnMessage
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.errors import (
    AnswerTooLong,
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    KeyRevoked,
    ListenerGone,
    SlowReader,
    TurnFailed,
)
from eyeclaw_trio.protocol.bot import ExecuteCommand
from eyeclaw_trio.relay.open_turn import OpenTurn
from eyeclaw_trio.relay.station import Station


class Reply(Protocol):
    """Where an answer is written. Only one task writes; a cancelled write ends the connection.

    All writes raise ListenerGone when nobody is left to read.
    """

    async def open(self) -> None:
        """Show at once that somebody is at work; what fails before that needs none."""

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Write these events, in order, as far as that can be done without waiting; false where
        a rest is left, which `drain` writes before anything else is sent."""

    async def drain(self) -> None:
        """Write the rest. Returns when the bytes have been handed over."""

    async def finish(self) -> None:
        """Write the ending of a whole answer."""

    async def apologise(self, failure: TurnFailed) -> None:
        """Write the text for a failure, and the ending."""

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """While inside, `leave` is called when nobody listens any more. Where it takes a task to
        find that out, it is one of the nursery, which is cancelled in the end."""


async def relay_turn(
    command: ExecuteCommand, station: Station, reply: Reply, answer: Answer, trace: Trace
) -> None:
    """Ask the bot and stream its answer into the reply; returns when the turn is over.

    However it ends, the bot knows (an unfinished command is told `cancel`), no task is left, and
    `trace` says how. Failures of the bot become a text in the reply; nothing is raised but bugs
    and cancellation from outside. After a cancellation or a ListenerGone the reply may hold half
    an event: its connection must be closed, which is the reply's to know.
    """
    async with trio.open_nursery() as nursery:
        turn = station.turn(command, overflow=nursery.cancel_scope)
        del command  # the turn lets go of it when its bot has spoken
        hang_up = _HangUp(nursery.cancel_scope)
        try:
            with reply.monitor_hangup(nursery, hang_up.note):
                try:
                    await _converse(turn, reply, answer, trace)
                    await reply.finish()
                    trace.end(Outcome.ANSWERED)
                except TurnFailed as failure:
                    await reply.apologise(failure)
                    _record(failure, trace)
        except SlowReader:
            trace.end(Outcome.SLOW_READER)
        except ListenerGone:
            trace.end(Outcome.CANCELLED)
        finally:
            # Counts only where nothing above has had its say.
            trace.end(Outcome.CANCELLED if hang_up.has_come else Outcome.INTERRUPTED)
        nursery.cancel_scope.cancel()  # all is said: stop listening for a hang-up


async def _converse(turn: OpenTurn, reply: Reply, answer: Answer, trace: Trace) -> None:
    """Listen first, ask second, so that the first chunk cannot slip by; then relay until done.

    Raises TurnFailed as the answer decides, ListenerGone as the reply finds out.
    """
    with turn:
        trace.note(Happening.SUBSCRIBED, trio.current_time())
        try:
            await trio.lowlevel.checkpoint()  # that was work: others have their turn
            await reply.open()
            await _Flow(turn, reply, answer, trace).run()
        finally:
            turn.acknowledge(answer.owed())  # over for the reader: no bot may wait in vain
            if turn.overflowed:
                trace.end(Outcome.SLOW_READER)
            elif turn.is_revoked:
                trace.end(Outcome.REJECTED)
    if answer.failure is not None:
        raise answer.failure


@define
class _Flow:
    """The messages of one turn, on their way from its channel into its reply."""

    _turn: OpenTurn
    _reply: Reply
    _answer: Answer
    _trace: Trace
    _unwritten: Sequence[ReplyEvent] = ()

    async def run(self) -> None:
        """Relay until the answer is complete. Raises ListenerGone as the reply finds out.

        The clock runs while messages are waited for, and never while something is written. One
        scope lasts until a write has to wait: to make one for each wait costs as much as a chunk.
        """
        while not self._answer.complete:
            due = self._due()
            with trio.CancelScope(deadline=due) as patience:
                while not (self._answer.complete or self._unwritten):
                    # A moment that has moved away is found out when the old one has come.
                    if (now_due := self._due()) < due:
                        patience.deadline = due = now_due
                    self._take(await self._turn.receive_all())
            if patience.cancelled_caught:
                # A bot is not blamed for what has come while we were busy.
                self._take(self._turn.receive_now())
            if self._unwritten:
                await self._reply.drain()  # one task writes, and no clock of ours cuts it
                self._note_written(self._unwritten)
                self._unwritten = ()

    def _due(self) -> float:
        return min(self._answer.deadline(), self._turn.next_place_due())

    def _take(self, messages: Sequence[TurnMessage]) -> None:
        """Write what these messages, or the time that it is, give to write."""
        self._turn.claim_place()
        events = self._answer.step(messages, trio.current_time())
        if events and not self._reply.send_nowait(events):
            self._unwritten = events
        else:
            self._note_written(events)

    def _note_written(self, events: Sequence[ReplyEvent]) -> None:
        texts = [event for event in events if event.__class__ is str]
        if texts:  # a keep-alive comment is no part of the answer
            self._trace.note_written(trio.current_time(), self._turn.waiting_since, texts)
        self._turn.acknowledge(self._answer.written())  # written, not merely received


@define
class _HangUp:
    """The reader's hang-up, which ends the turn."""

    _scope: trio.CancelScope
    has_come: bool = False

    def note(self) -> None:
        self.has_come = True
        self._scope.cancel()


def _record(failure: TurnFailed, trace: Trace) -> None:
    match failure:
        case BotOffline():
            trace.end(Outcome.OFFLINE)
        case BotSilent():
            trace.end(Outcome.TIMEOUT)
        case BotBusy() | KeyRevoked():
            trace.end(Outcome.REJECTED)
        case AnswerTooLong():
            trace.end(Outcome.REJECTED, reason="too_long")
        case BotFailed(reason=reason, said=said):
            trace.end(Outcome.BOT_ERROR, reason=reason.value, said=said)
        case _:
            trace.end(Outcome.INTERRUPTED)
