"""A turn as a time line for people: what happened when, its gaps, and what was missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import define, field, frozen

from eyeclaw_trio.core.trace_analysis import TraceRecord

# Chunks further apart than this stand on lines of their own (milliseconds): a wearer notices it.
SILENCE_MS: Final = 250.0

# The same moment in the zone of whoever reads it: `datetime.astimezone`, or of a zone of one's own.
Localise = Callable[[datetime], datetime]

_CHUNK: Final = "sdk_chunk_received"
_WRITE: Final = "sse_chunk_sent"
_WORDS: Final = {
    "request_received": "question received",
    "subscribed": "waiting for the bot",
    "queued": "waiting for its turn: the bot is busy",
    "queue_full": "too many wait already",
    "command_broadcast": "question sent to the bot",
    "link_lost": "the bot's link broke",
    "link_back": "the bot's link is back",
    "link_replaced": "the bot's link was replaced by a newer one",
    "stream_end": "the bot says: end",
    "stream_error": "the bot says: error",
    "stream_summary_received": "the bot says: summary",
    "anomaly_detected": "anomaly",
    "compensation_sent": "missing text written from the summary",
    "reader_left": "the reader has left, and the answer goes on for a push",
    "push_attempted": "pushed to the glasses",
    "action_sent": "device action",
    "action_refused": "the bot asks for an action that cannot be done",
    "follow_ups_sent": "follow-ups",
    "finished": "turn over",
}
_OUTCOMES: Final = {
    "offline": "the bot was offline; the wearer was told so",
    "timeout": "the bot was silent for too long; the wearer was told so",
    "bot_error": "the bot or its model failed; the wearer was told so",
    "cancelled": "whoever asked left or cancelled before the end",
    "slow_reader": "whoever asked did not read; the answer was ended",
    "rejected": "the question was refused, or the bot was busy",
    "interrupted": "the gateway ended in the middle of this turn",
    "late": "the whole answer was pushed after its reader had left",
}


@define
class _Run:
    """Chunks that came close to each other."""

    first_ms: float
    last_ms: float
    sequences: list[int | None] = field(factory=list)
    written: int = 0
    slowest_ms: float = 0.0

    def describe(self) -> str:
        parts = []
        if self.sequences:
            numbered = [each for each in self.sequences if each is not None]
            names = f" {join_ranges(sorted(numbered))}" if numbered else ""
            order = ", out of order" if numbered != sorted(numbered) else ""
            count = len(self.sequences)
            parts.append(f"{count} chunk{'s'[: count != 1]}{names}{order}")
        if self.written:
            parts.append(f"{self.written} written, within {self.slowest_ms:.1f} ms")
        return "; ".join(parts)


def describe_turn(record: TraceRecord, localise: Localise) -> Iterator[tuple[str, str]]:
    """The head of the turn, as pairs of name and value."""
    began = local_time(record.created_at, localise)
    yield "trace", record.trace_id
    yield "began", f"{began} (bot {record.bot_id or '–'}, {record.source})"
    yield "message", f"{record.message_id}, agent {record.agent_id}, wearer {record.user_id or '–'}"
    outcome = record.outcome or record.status
    yield "outcome", f"{outcome}{_because(_OUTCOMES.get(outcome, ''))}{_because(record.reason)}"
    if record.code:
        yield "code", record.code
    if record.said:
        yield "bot said", record.said
    total = "?" if record.sdk_total_chunks is None else record.sdk_total_chunks
    yield (
        "chunks",
        f"{record.sdk_chunk_count} of {total} received, {record.sse_chunk_count} written",
    )
    delays = (
        ("first after", record.first_chunk_delay),
        ("then every", record.avg_chunk_interval),
        ("end after the last", record.last_chunk_delay),
    )
    shown = [f"{name} {value:.0f} ms" for name, value in delays if value is not None]
    if shown:
        yield "delays", ", ".join(shown)
    yield "anomalies", ", ".join(record.anomalies) or "none"
    if record.missing_count:
        named = join_ranges(record.missing_sequences)
        more = record.missing_count - len(record.missing_sequences)
        place = f" ({record.loss_position})" if record.loss_position else ""
        yield "missing", f"{named}{f' and {more} more' if more else ''}{place}"


@frozen
class TimeLine:
    """One line: what happened, from when until when (milliseconds since the question); a silence
    has no times."""

    words: str
    at_ms: float | None = None
    until_ms: float | None = None


def draw_time_line(record: TraceRecord) -> Iterator[TimeLine]:
    """The turn, line by line. Chunks that came close to each other share one."""
    return draw_events(record.events, record.created_at)


def draw_events(events: Iterable[Mapping[str, Any]], created_at: str) -> Iterator[TimeLine]:
    """These events of a turn that began then, line by line, as they are taken."""
    run: _Run | None = None
    start = datetime.fromisoformat(created_at)
    before: float | None = None
    for event in events:
        moment = datetime.fromisoformat(event["timestamp"])
        at = (moment - start).total_seconds() * 1000
        kind, data = event["type"], event["data"]
        is_chunk = kind in (_CHUNK, _WRITE)
        if run is not None and (not is_chunk or at - run.last_ms >= SILENCE_MS):
            yield TimeLine(run.describe(), run.first_ms, run.last_ms)
            run = None
        if before is not None and at - before >= SILENCE_MS:
            yield TimeLine(f"… nothing for {at - before:.0f} ms")
        before = at
        if not is_chunk:
            yield TimeLine(_describe(kind, data), at, at)
            continue
        if run is None:
            run = _Run(at, at)
        run.last_ms = at
        if kind == _CHUNK:
            run.sequences.append(data["sequence"])
        else:
            run.written += data["chunks"]
            run.slowest_ms = max(run.slowest_ms, data["delay_ms"])
    if run is not None:
        yield TimeLine(run.describe(), run.first_ms, run.last_ms)


def join_ranges(numbers: Sequence[int]) -> str:
    """`0–3, 7, 9–10` of ascending numbers."""
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in ranges_of(numbers))


def ranges_of(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each stretch without a hole, of ascending numbers."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def local_time(stamp: str, localise: Localise) -> str:
    """The time as the owner's own clock shows it: `2026-01-31 13:00:00`."""
    return localise(datetime.fromisoformat(stamp)).strftime("%Y-%m-%d %H:%M:%S")


def _describe(kind: str, data: Mapping[str, Any]) -> str:
    words = _WORDS.get(kind, kind.replace("_", " "))
    details = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in data.items() if value is not None
    )
    return f"{words}{_because(details)}"


def _because(words: str) -> str:
    return f" ({words})" if words else ""
