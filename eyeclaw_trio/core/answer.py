"""One answer and its clock: what to write now, when to look again, when it is over and how.

`Answer` is the decision behind `relay/turn`: messages and the time go in, events for the reader
come out. All waiting in a turn is for one moment, `deadline()`, which is the earliest of: a
keep-alive comment is due, the bot has been silent too long, its link has been gone too long, the
process behind a new link does not go on, the queue was too slow, the summary is overdue
(PROTOCOL 1, table of failures; 2, "Ordering and healing").
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, assert_never

from eyeclaw_trio.core.asides import NO_COMPANY, Asides
from eyeclaw_trio.core.bot_clock import BotClock
from eyeclaw_trio.core.patience import ANSWER_LIMIT, LATE, TAIL_GRACE, Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly, Ending, Reassembly
from eyeclaw_trio.core.reply_events import KeepAlive, ReplyEvent
from eyeclaw_trio.core.shares import Portion
from eyeclaw_trio.core.trace import Happening, Trace
from eyeclaw_trio.core.turn_messages import (
    DrainOver,
    EarlierWords,
    ForeignWord,
    LinkBack,
    LinkLost,
    LinkReplaced,
    Notice,
    PlaceGranted,
    PlaceMoved,
    QueuedOut,
    ReaderLeft,
    Revoked,
    TurnMessage,
)
from eyeclaw_trio.core.voice import AS_IT_COMES, Manner, Voice
from eyeclaw_trio.core.written_text import Imprint
from eyeclaw_trio.errors import (
    AnswerTooLong,
    BotBusy,
    BotFailed,
    GatewayStopping,
    KeyRevoked,
    PhotoFault,
    PhotoRefused,
    Reason,
    TurnFailed,
)
from eyeclaw_trio.protocol.bot import (
    Status,
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamFollowUp,
    StreamStatus,
    StreamSummary,
    StreamToolCall,
)
from eyeclaw_trio.protocol.completions import Closing

_KEEP_ALIVE: Final = KeepAlive()
_EARLY_KEEP_ALIVE: Final = KeepAlive(is_early=True)
_REASONS: Final = {reason.value: reason for reason in Reason}
_PHOTO_FAULTS: Final = {fault.value: fault for fault in PhotoFault}


class Answer:
    """The state of one answer, from the question until it is `complete`.

    `failure` is set when it ended with a text for the wearer instead of an ending. Times are
    monotonic seconds and never go back. `room` is what all share for chunks that came too early.
    """

    __slots__ = (  # there may be thousands
        "_asides",
        "_clock",
        "_earlier",
        "_ended_at",
        "_patience",
        "_reassembly",
        "_summary",
        "_summary_at",
        "_trace",
        "_voice",
        "_written_at",
        "complete",
        "failure",
    )

    def __init__(
        self,
        patience: Patience,
        limits: Limits,
        trace: Trace,
        now: float,
        room: Portion | None = None,
        manner: Manner = AS_IT_COMES,
    ) -> None:
        self.complete = False
        self.failure: TurnFailed | None = None
        self._patience = patience
        self._trace = trace
        self._reassembly = Reassembly(held_bytes=limits.answer_buffer, room=room)
        self._voice = Voice(manner, trace)
        company = manner.company
        self._asides = None if company == NO_COMPANY else Asides(company, trace.started_at)
        self._written_at = now
        self._clock = BotClock(patience, now)
        self._ended_at: float | None = None
        self._summary: StreamSummary | None = None
        self._summary_at = math.inf
        self._earlier = 0  # characters at the summary's front that are not this answer's

    def deadline(self) -> float:
        """When `step` must be called at the latest, messages or not."""
        due = min(self._written_at + self._patience.keepalive, self._verdict_due())
        if self._asides is not None and not self._voice.has_text:
            return min(due, self._asides.due)
        return due

    def step(self, messages: Iterable[TurnMessage], now: float) -> list[ReplyEvent]:
        """Take what has come and the time it is; returns what to write, in order.

        Never raises: after a failure the answer is complete and `failure` says why.
        """
        events: list[ReplyEvent] = []
        for message in messages:
            if self.complete:
                self._take_late(message)
            elif message.__class__ is StreamChunk:  # nearly all of them
                self._take_chunk(message, now, events)
            else:
                self._take(message, now, events)
        if not self.complete and self._reassembly.written_size > ANSWER_LIMIT:
            self._fail(AnswerTooLong(), now, events)
        if not self.complete and now >= self._verdict_due():
            self._pass_verdict(now, events)
        if self._asides is not None and not self.complete and not self._voice.has_text:
            self._asides.fill(now, events)
        if not self.complete and not events and now >= self._written_at + self._patience.keepalive:
            events.append(_KEEP_ALIVE if self._voice.has_text else _EARLY_KEEP_ALIVE)
        if events:
            self._written_at = now
        return events

    def excuse(self, late: float, now: float) -> None:
        """`step` comes so much later than it had to: from now on there is a moment for what has
        been on its way meanwhile, before anybody is called silent."""
        seconds = late + LATE
        self._clock.excuse(seconds, now)
        if self._ended_at is not None:
            self._ended_at = min(self._ended_at + seconds, now)
        if self._summary is not None:
            self._summary_at = min(self._summary_at + seconds, now)

    def written(self) -> list[int]:
        """The chunks that count as written now that the last step's events were: call it after
        the write. One entry for each copy received; each is returned once."""
        reassembly = self._reassembly
        settled, reassembly.settled = reassembly.settled, []
        return settled

    def owed(self) -> list[int]:
        """The chunks that a bot still waits to see acknowledged when its turn is over: those
        that were held, and those whose write was cut off. Each is returned once."""
        return [*self.written(), *self._reassembly.give_up()]

    @property
    def is_whole(self) -> bool:
        """Whether it has come to its end, and not to a failure."""
        return self.complete and self.failure is None

    def unfinished(self) -> Imprint | None:
        """What was written, where that is not the whole answer: its bot may repeat it in the
        summary of a later turn."""
        if self.is_whole or not self._reassembly.written_characters:
            return None
        return self._reassembly.imprint()

    # ---- what has come --------------------------------------------------------------------------

    def _take(self, message: TurnMessage, now: float, events: list[ReplyEvent]) -> None:
        match message:
            case StreamChunk():
                self._take_chunk(message, now, events)
            case StreamEnd(_, finish_reason, usage):
                self._clock.heard(now)
                self._trace.note(Happening.STREAM_END, now)
                if self._ended_at is None:
                    self._ended_at = self._trace.ended_at = now
                    self._trace.closing = Closing(finish_reason, usage)
            case StreamSummary(total_chunks=total):
                self._clock.heard(now)
                self._trace.note(Happening.STREAM_SUMMARY_RECEIVED, now, total_chunks=total)
                # A second one does not take back what the first has said: some bots repeat
                # themselves with their counters at zero.
                if self._summary is None:
                    self._summary_at = now  # only the first sets the clock
                if self._summary is None or not self._summary.total_content:
                    self._trace.total_chunks = total
                    self._summary = message
            case StreamError(_, error, reason):
                self._clock.heard(now)
                self._trace.note(Happening.STREAM_ERROR, now, reason=reason)
                # An answer that has ended cannot fail any more; some bots say both.
                if self._ended_at is None:
                    self._fail(_read_failure(error, reason or ""), now, events)
            case StreamToolCall():
                self._clock.heard(now)
                self._voice.ask(message, now, events)
            case StreamFollowUp():
                self._clock.heard(now)
                self._voice.offer(message)
            case StreamStatus():
                self._clock.heard(now)
                if self._asides is not None:
                    self._asides.tell_tool(self._reassembly.received, events)
            case Status():
                self._clock.heard(now)
            case _:
                self._take_notice(message, now, events)

    def _take_notice(self, notice: Notice, now: float, events: list[ReplyEvent]) -> None:
        match notice:
            case PlaceGranted():
                self._clock.sent(now)
                if self._trace.sent_at is None:
                    self._trace.sent_at = now
                self._trace.note(Happening.COMMAND_BROADCAST, now)
            case LinkLost(later):
                if not self._clock.is_lost:
                    self._clock.lost(now, later)
                    self._trace.note(Happening.LINK_LOST, now)
            case LinkBack():
                self._take_link_back(now)
            case LinkReplaced():
                self._trace.note(Happening.LINK_REPLACED, now)
                self._clock.replaced(now)
            case EarlierWords(characters):
                self._earlier = characters
            case QueuedOut(held_by):
                self._fail(BotBusy(held_by), now, events)
            case PlaceMoved():
                pass  # news for whoever waits, and not for the answer
            case ForeignWord():
                self._note_anomaly(Anomaly.FOREIGN, now)
            case Revoked():
                self._fail(KeyRevoked(), now, events)
            case ReaderLeft(seconds):
                self._clock.give(seconds, now)
            case DrainOver():
                # What has ended needs no apology behind it: it waits for a summary at most.
                if self._ended_at is None:
                    self._fail(GatewayStopping(), now, events)
                else:
                    self._finish(now, events)
            case _:
                assert_never(notice)

    def _take_chunk(self, message: StreamChunk, now: float, events: list[ReplyEvent]) -> None:
        self._clock.heard(now)
        trace, reassembly = self._trace, self._reassembly
        known = reassembly.received
        sequence, content = message.sequence, message.content
        voice = self._voice
        for text in reassembly.add(sequence, content):
            if voice.spoken is not None or not voice.has_text:
                voice.say(text, events)
            elif text:
                events.append(text)  # nearly all of them
        # Counted as it goes: an answer that nobody waits for any more has a trace too.
        if reassembly.received > known:
            trace.note_chunk(now, sequence, content)
            trace.chunks_received = reassembly.received
        else:
            trace.duplicates, trace.dropped = reassembly.duplicates, reassembly.dropped

    def _take_link_back(self, now: float) -> None:
        lost_at = self._clock.back(now)
        if lost_at is None:
            return
        self._trace.resumed += 1
        self._trace.note(Happening.LINK_BACK, now)
        if self._ended_at is not None:  # the waiting for a summary stood still as well
            self._ended_at += now - max(lost_at, self._ended_at)

    def _take_late(self, message: TurnMessage) -> None:
        # A bot that waits for an acknowledgement must not wait in vain (PROTOCOL 2).
        if isinstance(message, StreamChunk) and message.sequence is not None:
            self._reassembly.settled.append(message.sequence)

    # ---- what time it is ------------------------------------------------------------------------

    def _verdict_due(self) -> float:
        """When the answer is over if nothing more comes."""
        if self._ended_at is None and self._summary is None:
            return self._clock.due()  # nearly always
        if self._ended_at is not None and self._summary is not None:
            return -math.inf
        if self._ended_at is not None and not self._reassembly.has_gap:
            return self._ended_at + TAIL_GRACE
        if self._clock.is_lost:
            return self._clock.due()
        if self._ended_at is not None:
            return self._ended_at + self._patience.summary_grace
        # All has been said, only the end is missing: do not make the wearer wait for an idle
        # time-out and then hear an apology behind a whole answer.
        return self._summary_at + self._patience.summary_grace

    def _pass_verdict(self, now: float, events: list[ReplyEvent]) -> None:
        if self._ended_at is not None or self._summary is not None:
            self._finish(now, events)
        else:
            self._fail(self._clock.verdict(now), now, events)

    def _finish(self, now: float, events: list[ReplyEvent]) -> None:
        ending = self._reassembly.finish(self._summary, earlier=self._earlier)
        for text in ending.texts:
            self._voice.say(text, events)
        self._record(ending, now)
        if self._ended_at is None:
            self._note_anomaly(Anomaly.NO_END, now)
        self._voice.end(now, events, is_whole=True)
        if not self._voice.has_said:
            self.failure = BotFailed(Reason.EMPTY_ANSWER)
        self.complete = True

    def _fail(self, failure: TurnFailed, now: float, events: list[ReplyEvent]) -> None:
        # What is held behind a gap is not written any more, but the gap is recorded, and the
        # bot hears that its chunks have come.
        self._record(self._reassembly.finish(None), now)
        self._voice.end(now, events, is_whole=False)
        self.failure = failure
        self.complete = True

    def _record(self, ending: Ending, now: float) -> None:
        for anomaly in ending.anomalies:
            self._note_anomaly(anomaly, now)
        if Anomaly.HEALED in ending.anomalies:
            size = sum(map(len, ending.texts))
            self._trace.note(Happening.COMPENSATION_SENT, now, characters=size)
        self._trace.missing = ending.missing

    def _note_anomaly(self, anomaly: Anomaly, now: float) -> None:
        self._trace.anomalies += (anomaly,)
        self._trace.note(Happening.ANOMALY_DETECTED, now, anomaly=anomaly.value)


def _read_failure(said: str, reason: str) -> TurnFailed:
    """What a bot's error means. A photo that our connector has refused is told as one that the
    gateway has."""
    if fault := _PHOTO_FAULTS.get(reason):
        return PhotoRefused(fault, said)
    return BotFailed(_REASONS.get(reason, Reason.UNKNOWN), said, reported=True)
