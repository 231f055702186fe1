"""Late answers: a turn that outlives its reader, and is pushed to the glasses (PROTOCOL 7).

Turns of bots that may be late live here from their beginning, beside the listener, so that none
has to be moved. The reader's own task watches the reader, and returns when he has the answer, or
has left, or is told that he need not wait.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine
from contextlib import closing, suppress
from typing import Any, Final

import structlog
import trio
from attrs import define, field

from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.shares import Portion, Shares
from eyeclaw_trio.core.spoken import clean
from eyeclaw_trio.core.texts import Language, later
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.errors import KeyRevoked, PushFailed, ReaderGone
from eyeclaw_trio.protocol.push import PushMessage, shorten_push
from eyeclaw_trio.protocol.rokid import Question
from eyeclaw_trio.server.late_reply import LateReply
from eyeclaw_trio.server.pushes import PushPlatform, deliver
from eyeclaw_trio.server.reception import Reception
from eyeclaw_trio.server.sse_reply import SseReply
from eyeclaw_trio.server.traced_turn import TracedTurn

log = structlog.get_logger(__name__)

# Turns that go on without a reader at once, of all keys together; what is beyond is cancelled as
# for other bots. Each keeps some kilobytes of text.
AT_ONCE: Final = 256


@define(eq=False)
class LateTurns:
    """Takes the turns of `bots`, by name. Without a `platform` there are none."""

    platform: PushPlatform | None
    reception: Reception
    bots: frozenset[str]
    _room: Shares = field(factory=lambda: Shares(AT_ONCE), init=False)
    _nursery: trio.Nursery | None = field(default=None, init=False)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own these turns, until cancelled: they are then cut off, and their traces say so."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def take(self, bot: Bot, user_id: str | None) -> bool:
        """Whether a turn of this bot and wearer may be late."""
        is_ready = self.platform is not None and self._nursery is not None
        return is_ready and bool(user_id) and bot.name in self.bots

    async def relay(self, question: Question, bot: Bot, reply: SseReply, turn: TracedTurn) -> None:
        """Relay this turn, as the reception does, and return when its reader need not stay; the
        turn is over later, perhaps. Raises RuntimeError where `run` does not run.

        Cancelled, the turn goes on for its own nursery to end.
        """
        if self._nursery is None:
            raise RuntimeError("a turn before there is anybody to own it")
        late = _LateTurn(self, bot, turn.trace, self._room.portion(turn.trace.asked_by))
        wrapped = LateReply(reply, late.may_go_on, late.deliver)
        relaying = self.reception.relay(question, bot, wrapped, turn)
        language = reply.wording.language
        due = _due(turn.trace, self.reception.patience.late_after)
        turn.hand_over()
        self._nursery.start_soon(self._live, relaying, wrapped, late, turn)
        del question, late, turn  # an answer may take minutes, and needs them no more
        await _attend(reply, wrapped, due, language)

    async def _live(
        self,
        relaying: Coroutine[Any, Any, None],
        wrapped: LateReply,
        late: _LateTurn,
        turn: TracedTurn,
    ) -> None:
        """One turn, to its trace. A bug in it is logged and ends it only."""
        with closing(turn):
            try:
                if late.is_good():  # it has become a task since it was asked
                    await relaying
                else:
                    relaying.close()
                    await _refuse(wrapped, late.trace)
            except* Exception:
                log.exception("turn.bug", trace_id=late.trace.trace_id)
            finally:
                wrapped.close()
                late.room.release()


@define(eq=False)
class _LateTurn:
    """One turn that may be late: whose it is, and where its answer goes then."""

    turns: LateTurns
    bot: Bot
    trace: Trace
    room: Portion

    def may_go_on(self, is_whole: bool) -> bool:
        """The reader leaves, or has left before his bot was asked: whether the answer goes on, for
        `late_timeout` at most."""
        has_left = self.room.size > 0
        if not has_left and not self.room.take(1):
            return False
        if not is_whole and not self._let_go_on():
            self.room.release()
            return False
        if not has_left:
            self.trace.note(Happening.READER_LEFT, trio.current_time())
        return True

    def _let_go_on(self) -> bool:
        """Give the bot its time; where it is not asked yet, that comes when it is."""
        reception, trace = self.turns.reception, self.trace
        seconds = reception.patience.late_timeout
        return reception.switchboard.let_go_on(trace.session_id, seconds) or all(
            event.kind is not Happening.SUBSCRIBED for event in trace.events
        )

    async def deliver(self, text: str) -> None:
        """Push the whole answer. Whatever becomes of it is in the trace. Cancelled, it may have
        been taken all the same."""
        trace, platform = self.trace, self.turns.platform
        if platform is None or not self.is_good():
            trace.end(Outcome.REJECTED, reason="key_revoked")
            return
        user_id = trace.user_id or ""
        if not self.turns.reception.occasions.manners.of(self.bot).speaks_clean:
            text = clean(text)  # once: what looks like a marker then is text
        if not text.strip():  # it told the glasses what to do, and they are gone
            trace.end(Outcome.CANCELLED)
            return
        message_id = f"push_{trace.session_id}"
        message = PushMessage(message_id, user_id, trace.agent_id, shorten_push(text))
        try:
            await deliver(platform, message, trace, self.is_good)
        except PushFailed as failed:
            trace.end(Outcome.REJECTED, reason=failed.code)
        else:
            trace.end(Outcome.LATE)

    def is_good(self) -> bool:
        """Whether the key and the bot are still there (RELIABILITY 30)."""
        directory = self.turns.reception.gate.directory()
        return self.trace.asked_by in directory.active_keys and self.bot.id in directory.bots


async def _refuse(reply: LateReply, trace: Trace) -> None:
    revoked = KeyRevoked()
    trace.end_with(revoked)
    with suppress(ReaderGone):
        await reply.apologise(revoked)


async def _attend(reply: SseReply, wrapped: LateReply, due: float, language: Language) -> None:
    """Watch this reader until the turn has no more for him; at `due` he is told that the answer
    comes later, if not a word of it has come."""
    is_let_go = False
    async with trio.open_nursery() as nursery:
        with reply.monitor_hangup(nursery, wrapped.reader_left):
            with trio.move_on_at(due) as waiting:
                await wrapped.wait_until_unattached()
            if waiting.cancelled_caught:
                is_let_go = not wrapped.has_text and wrapped.let_go()
                await wrapped.wait_until_unattached()
        nursery.cancel_scope.cancel()
    if is_let_go:
        with suppress(ReaderGone):  # he may leave in this very moment, and will get the answer
            await reply.say_last(later(language))


def _due(trace: Trace, late_after: float) -> float:
    return trace.started_at + late_after if late_after else math.inf
