"""A turn as a time line for people: what happened when, its gaps, and what was missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from eyeclaw_trio.core.texts import Language
from eyeclaw_trio.core.time_line_words import HAPPENINGS, OUTCOMES, name_of, phrase
from eyeclaw_trio.core.trace import whole_length
from eyeclaw_trio.core.trace_analysis import TraceRecord

# Chunks further apart than this stand on lines of their own (milliseconds): a wearer notices it.
SILENCE_MS: Final = 250.0

# The same moment in the zone of whoever reads it: `datetime.astimezone`, or of a zone of one's own.
Localise = Callable[[datetime], datetime]

_CHUNK: Final = "sdk_chunk_received"
_WRITE: Final = "sse_chunk_sent"


@define
class _Run:
    """Chunks that came close to each other."""

    first_ms: float
    last_ms: float
    sequences: list[int | None] = field(factory=list)
    written: int = 0
    slowest_ms: float = 0.0

    def describe(self, language: Language) -> str:
        parts = []
        if self.sequences:
            numbered = [each for each in self.sequences if each is not None]
            is_ordered = numbered == sorted(numbered)
            parts.append(
                phrase(
                    language,
                    "came_one" if len(self.sequences) == 1 else "came",
                    count=len(self.sequences),
                    names=f" {join_ranges(sorted(numbered))}" if numbered else "",
                    order="" if is_ordered else phrase(language, "disorder"),
                )
            )
        if self.written:
            parts.append(phrase(language, "written", count=self.written, slowest=self.slowest_ms))
        return phrase(language, "and").join(parts)


def describe_turn(
    record: TraceRecord, localise: Localise, language: Language = "en"
) -> Iterator[tuple[str, str]]:
    """The head of the turn, as pairs of name and value."""
    for name, value in _describe_head(record, localise, language):
        yield name_of(language, name), value


def _describe_head(
    record: TraceRecord, localise: Localise, language: Language
) -> Iterator[tuple[str, str]]:
    say = partial(phrase, language)
    yield "trace", record.trace_id
    began, bot = local_time(record.created_at, localise), record.bot_id or "–"
    yield "began", say("began", began=began, bot=bot, source=record.source)
    yield (
        "message",
        say(
            "message",
            message=record.message_id,
            agent=record.agent_id,
            wearer=record.user_id or "–",
        ),
    )
    outcome = record.outcome or record.status
    why = _in(language, OUTCOMES[outcome]) if outcome in OUTCOMES else ""
    yield "outcome", f"{outcome}{_because(language, why)}{_because(language, record.reason)}"
    if record.code:
        yield "code", record.code
    if record.said:
        yield "bot said", record.said
    total = "?" if record.sdk_total_chunks is None else record.sdk_total_chunks
    came, written = record.sdk_chunk_count, record.sse_chunk_count
    yield "chunks", say("chunks", came=came, total=total, written=written)
    delays = (
        ("first", record.first_chunk_delay),
        ("every", record.avg_chunk_interval),
        ("last", record.last_chunk_delay),
    )
    shown = [say(name, ms=value) for name, value in delays if value is not None]
    if shown:
        yield "delays", say("comma").join(shown)
    yield "anomalies", say("comma").join(record.anomalies) or say("none")
    if record.missing_count:
        named = join_ranges(record.missing_sequences)
        more = record.missing_count - len(record.missing_sequences)
        rest = say("more", count=more) if more else ""
        yield "missing", f"{named}{rest}{_because(language, record.loss_position)}"


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


def draw_events(
    events: Iterable[Mapping[str, Any]], created_at: str, language: Language = "en"
) -> Iterator[TimeLine]:
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
            yield TimeLine(run.describe(language), run.first_ms, run.last_ms)
            run = None
        if before is not None and at - before >= SILENCE_MS:
            yield TimeLine(phrase(language, "silence", ms=at - before))
        before = at
        if not is_chunk:
            yield TimeLine(_describe(language, kind, data), at, at)
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
        yield TimeLine(run.describe(language), run.first_ms, run.last_ms)


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


def _describe(language: Language, kind: str, data: Mapping[str, Any]) -> str:
    known = HAPPENINGS.get(kind)
    words = kind.replace("_", " ") if known is None else _in(language, known)
    lengths = {whole_length(name) for name in data}
    details = phrase(language, "comma").join(
        f"{name_of(language, name.replace('_', ' '))} {value}{_cut(language, data, name)}"
        for name, value in data.items()
        if value is not None and name not in lengths
    )
    return f"{words}{_because(language, details)}"


def _cut(language: Language, data: Mapping[str, Any], name: str) -> str:
    """What says of a detail that only its beginning was kept."""
    whole, kept = data.get(whole_length(name)), data[name]
    if not isinstance(whole, int) or not isinstance(kept, str):
        return ""
    return phrase(language, "cut", kept=len(kept), whole=whole)


def _because(language: Language, words: str | None) -> str:
    return phrase(language, "because", words=words) if words else ""


def _in(language: Language, both: tuple[str, str]) -> str:
    return both[language == "zh"]
