"""What happened in one turn, and when: collected cheaply as it goes, read when it is over.

One `Trace` belongs to one turn; whoever makes it hands it in and keeps it in the end. Times are
monotonic seconds. What comes once in a turn is an event with a name; what comes with each chunk
is some numbers in an array, so that an answer of ten thousand chunks costs neither ten thousand
objects nor ten thousand rows. `core/trace_analysis` makes sense of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.errors import BotFailed, ReaderGone, TurnFailed
from eyeclaw_trio.protocol.completions import NOT_CLOSED, Closing

# Chunks whose times are kept one by one; beyond that they are counted only. 16 bytes each.
KEPT_CHUNKS: Final = 10_000
# Events that are kept beside the chunks: a turn has about ten. Beyond that they are counted only,
# and the last one says how many.
KEPT_EVENTS: Final = 200
# Of both texts together, where they are kept; beyond that they are cut off. No summary is longer.
KEPT_CHARACTERS: Final = 2_097_152
# `source` of what was said to glasses outside an answer: a trace, and no turn.
PUSH_SOURCE: Final = "push"
# An unnumbered chunk of an old SDK, in the array of sequences.
UNNUMBERED: Final = -1


class Outcome(Enum):
    """How a turn ended (CLI, "A stream trace")."""

    ANSWERED = "answered"
    OFFLINE = "offline"
    TIMEOUT = "timeout"
    BOT_ERROR = "bot_error"
    CANCELLED = "cancelled"
    SLOW_READER = "slow_reader"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"
    LATE = "late"


class Happening(Enum):
    """What may happen in a turn beside its chunks; the value is the event's type in a trace."""

    REQUEST_RECEIVED = "request_received"
    SUBSCRIBED = "subscribed"
    QUEUED = "queued"
    QUEUE_FULL = "queue_full"
    COMMAND_BROADCAST = "command_broadcast"
    LINK_LOST = "link_lost"
    LINK_BACK = "link_back"
    LINK_REPLACED = "link_replaced"
    STREAM_END = "stream_end"
    STREAM_ERROR = "stream_error"
    STREAM_SUMMARY_RECEIVED = "stream_summary_received"
    ANOMALY_DETECTED = "anomaly_detected"
    COMPENSATION_SENT = "compensation_sent"
    READER_LEFT = "reader_left"
    PUSH_ATTEMPTED = "push_attempted"
    ACTION_SENT = "action_sent"
    ACTION_REFUSED = "action_refused"
    FOLLOW_UPS_SENT = "follow_ups_sent"
    FINISHED = "finished"


_NOTHING: Final[dict[str, Any]] = {}


@frozen
class TraceEvent:
    """Something that happened once, at `at` (monotonic seconds)."""

    kind: Happening
    at: float
    data: dict[str, Any] = field(factory=dict)


def whole_length(name: str) -> str:
    """What names, among the details of an event, the length of this text (characters) where only
    its beginning was kept."""
    return f"{name}_length"


@define
class KeptTexts:
    """What was received and written of one answer, together up to KEPT_CHARACTERS."""

    received: list[str] = field(factory=list)
    written: list[str] = field(factory=list)
    _characters: int = 0

    def note_received(self, text: str) -> None:
        """A distinct chunk came."""
        if self._has_room(text):
            self.received.append(text)

    def note_written(self, texts: Sequence[str]) -> None:
        """These pieces were written."""
        self.written += [text for text in texts if self._has_room(text)]

    def _has_room(self, text: str) -> bool:
        self._characters += len(text)
        return self._characters <= KEPT_CHARACTERS


@define
class SpeechCount:
    """Of an answer that is said clean: characters that may be said, and that were written. What
    is cleaned away is no loss; what lies between these two is one."""

    let_through: int = 0
    written: int = 0


@define(eq=False)
class Trace:
    """One turn from question to ending. `started_at` is when the question had arrived."""

    trace_id: str
    session_id: str
    bot_id: int | None
    started_at: float
    message_id: str = ""
    agent_id: str = ""
    user_id: str | None = None
    asked_by: int | None = None
    """The key, while the turn runs: who asks much leaves others their part. Not written down."""
    source: str = "rokid"
    provider: str | None = None
    """Whose model was asked, where that was no bot's."""
    keeps_content: bool = False
    outcome: Outcome | None = None
    reason: str = ""
    code: str | None = None
    """The short one behind its failure's text, where one was said (`core/incident`)."""
    said: str = ""
    """What the bot or the model said of its failure: for the owner, never for the wearer."""
    sent_at: float | None = None
    first_chunk_at: float | None = None
    last_chunk_at: float | None = None
    ended_at: float | None = None
    chunks_received: int = 0
    duplicates: int = 0
    dropped: int = 0
    chunks_written: int = 0
    resumed: int = 0
    total_chunks: int | None = None
    """What the summary said there were."""
    closing: Closing = NOT_CLOSED
    """What the model has said of its answer."""
    missing: tuple[tuple[int, int], ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    events: list[TraceEvent] = field(factory=list)
    events_left_out: int = 0
    chunk_times: array[float] = field(factory=partial(array, "d"))
    """When each of the first KEPT_CHUNKS distinct chunks came."""
    chunk_sequences: array[int] = field(factory=partial(array, "q"))
    writes: array[float] = field(factory=partial(array, "d"))
    """Three numbers for each of the first KEPT_CHUNKS writes to the reader: when it was done, how
    many pieces it was, and the seconds from the first one's arrival until then. One array for all
    three: there may be thousands of turns."""
    speech: SpeechCount | None = None
    """Where the answer's text is cleaned for speech."""
    texts: KeptTexts | None = None
    """What was said, where that is to be kept (`keeps_content`)."""

    @property
    def write_times(self) -> array[float]:
        """When each write was done."""
        return self.writes[0::3]

    @property
    def write_sizes(self) -> array[int]:
        """How many pieces each was."""
        return array("q", map(int, self.writes[1::3]))

    @property
    def relay_delays(self) -> array[float]:
        """How long it took from a chunk's arrival to the end of its write, in seconds."""
        return self.writes[2::3]

    @property
    def missing_count(self) -> int:
        """How many numbered chunks never came."""
        return sum(last - first + 1 for first, last in self.missing)

    def note(self, kind: Happening, now: float, **data: Any) -> None:
        """Something happened that happens once or seldom in a turn."""
        if kind is Happening.FINISHED:
            if self.events_left_out:
                data["events_left_out"] = self.events_left_out
        elif len(self.events) >= KEPT_EVENTS:
            self.events_left_out += 1
            return
        self.events.append(TraceEvent(kind, now, data or _NOTHING))

    def note_chunk(self, now: float, sequence: int | None, text: str) -> None:
        """A distinct chunk came."""
        if self.first_chunk_at is None:
            self.first_chunk_at = now
        self.last_chunk_at = now
        if len(self.chunk_times) < KEPT_CHUNKS:
            self.chunk_times.append(now)
            self.chunk_sequences.append(UNNUMBERED if sequence is None else sequence)
            if self.keeps_content:
                self._kept_texts().note_received(text)

    def note_written(self, now: float, received_at: float, texts: Sequence[str]) -> None:
        """A write to the reader is done: these pieces of text, the first of which had been there
        since `received_at`."""
        self.chunks_written += len(texts)
        if self.speech is not None:
            self.speech.written += sum(map(len, texts))
        if len(self.writes) < 3 * KEPT_CHUNKS:
            add = self.writes.append
            add(now)
            add(len(texts))
            add(now - received_at)
            if self.keeps_content:
                self._kept_texts().note_written(texts)

    def note_aside(self) -> None:
        """A word of ours was written: it counts as written, and is no part of the answer's text."""
        self.chunks_written += 1

    def end(self, outcome: Outcome, *, reason: str = "", said: str = "") -> None:
        """Record how it ended; the first word counts."""
        if self.outcome is None:
            self.outcome, self.reason, self.said = outcome, reason, said

    def end_with(self, error: TurnFailed | ReaderGone, *, said: str = "") -> None:
        """Record that this has ended it, of which the bot has said so; the first word counts."""
        reason = ""
        if isinstance(error, TurnFailed) and error.code != error.outcome:
            reason = error.code
        if isinstance(error, BotFailed):
            said = error.said
        self.end(Outcome(error.outcome), reason=reason, said=said)

    def _kept_texts(self) -> KeptTexts:
        if self.texts is None:
            self.texts = KeptTexts()
        return self.texts
