"""The heart: one question goes out to a bot, one answer comes back to whoever asked.

One nursery per question owns everything that the turn is made of: the memory channel that its
bot's messages come through, the sending of the command, the clock with the idle time-out, and the
writer of the reply. When the nursery ends, nothing of the turn is left (DESIGN).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import trio

from eyeclaw_trio.core.answer import Answer, ReplyEvent, Text, TurnMessage
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
from eyeclaw_trio.relay.station import Station


class Reply(Protocol):
    """Where an answer is written. Only one task writes; a cancelled write ends the connection.

    All writes raise ListenerGone when nobody is left to read.
    """

    async def open(self) -> None:
        """Show at once that somebody is at work; what fails before that needs none."""

    async def send(self, events: Sequence[ReplyEvent]) -> None:
        """Write these events, in order. Returns when the bytes have been handed over."""

    async def finish(self) -> None:
        """Write the ending of a whole answer."""

    async def apologise(self, failure: TurnFailed) -> None:
        """Write the text for a failure, and the ending."""

    async def wait_until_gone(self) -> None:
        """Return when nobody listens any more; until then, wait."""


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
        gone = trio.Event()
        nursery.start_soon(_cancel_when_gone, reply, gone, nursery.cancel_scope)
        try:
            try:
                await _converse(command, station, reply, answer, trace, nursery.cancel_scope)
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
            trace.end(Outcome.CANCELLED if gone.is_set() else Outcome.INTERRUPTED)
        nursery.cancel_scope.cancel()  # all is said: stop listening for a hang-up


async def _converse(
    command: ExecuteCommand,
    station: Station,
    reply: Reply,
    answer: Answer,
    trace: Trace,
    overflow: trio.CancelScope,
) -> None:
    """Listen first, ask second, so that the first chunk cannot slip by; then relay until done.

    Raises TurnFailed as the answer decides, ListenerGone as the reply finds out.
    """
    with station.turn(command, overflow=overflow) as turn:
        trace.note(Happening.SUBSCRIBED, trio.current_time())
        try:
            await reply.open()
            while not answer.complete:
                messages: list[TurnMessage] = []
                with trio.CancelScope(deadline=min(answer.deadline(), turn.next_place_due())):
                    messages = await turn.receive_all()
                turn.claim_place()
                events = answer.step(messages, trio.current_time())
                if events:
                    await reply.send(events)  # one task writes, and no clock of ours cuts it
                    texts = [event.text for event in events if isinstance(event, Text)]
                    if texts:  # a keep-alive comment is no part of the answer
                        trace.note_written(trio.current_time(), turn.waiting_since, texts)
                turn.acknowledge(answer.written())  # written, not merely received
        finally:
            turn.acknowledge(answer.owed())  # over for the reader: no bot may wait in vain
            if turn.overflowed:
                trace.end(Outcome.SLOW_READER)
            elif turn.is_revoked:
                trace.end(Outcome.REJECTED)
    if answer.failure is not None:
        raise answer.failure


async def _cancel_when_gone(reply: Reply, gone: trio.Event, scope: trio.CancelScope) -> None:
    await reply.wait_until_gone()
    gone.set()
    scope.cancel()


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
