"""A turn as it is drawn: each chunk when it came and when it was written, what was silent, late,
lost or healed, and the round times of its axis. Pure: positions and numbers, no markup.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.axis import Window, round_numbers
from eyeclaw_trio.core.time_line import SILENCE_MS, ranges_of
from eyeclaw_trio.core.trace import UNNUMBERED, Trace

# Chunks, and writes, that are drawn at once: each is something that a browser has to keep.
MOST_MARKS: Final = 2_000
# Gaps and lost stretches that are drawn.
MOST_SPANS: Final = 200
# Columns of the strip that shows the whole turn, and of those that can be chosen in it.
COLUMNS: Final = 200
CHOICES: Final = 20
# Nobody sees more of a turn by looking closer (milliseconds).
SHORTEST: Final = 5.0
_TICKS: Final = 8


@frozen
class ChunkMark:
    """A chunk when it came; without a sequence from an old SDK. `is_late`: a later one had come
    before it."""

    x: float
    at_ms: float
    sequence: int | None
    is_late: bool


@frozen
class WriteMark:
    """A write when it was done: so many chunks, so long (milliseconds) after the first of them."""

    x: float
    at_ms: float
    chunks: int
    delay_ms: float


@frozen
class EventMark:
    """What happened once; `kind` is the event's type."""

    x: float
    at_ms: float
    kind: str


@frozen
class Gap:
    """Nothing came for so long (milliseconds)."""

    x: float
    width: float
    length_ms: float


@frozen
class Lost:
    """Chunks that never came, from `first` to `last`, where they would have stood."""

    x: float
    first: int
    last: int


@frozen
class Choice:
    """A part of the strip, and what is shown when it is chosen."""

    x: float
    width: float
    window: Window


@frozen
class TurnDrawing:
    """What is seen of a turn through `window`; `strip` and `choices` are of the whole of it.

    `strip` is how many chunks came in each column, as shares of the highest. `left_out` are chunks
    in the window that are too many to be drawn.
    """

    whole: Window
    window: Window
    chunks: tuple[ChunkMark, ...]
    writes: tuple[WriteMark, ...]
    events: tuple[EventMark, ...]
    gaps: tuple[Gap, ...]
    lost: tuple[Lost, ...]
    ticks: tuple[tuple[float, float], ...]
    strip: tuple[float, ...]
    choices: tuple[Choice, ...]
    left_out: int


def draw_turn(
    trace: Trace, missing: Sequence[int] = (), wanted: Window | None = None
) -> TurnDrawing:
    """The part of this turn that is wanted, made to lie within it; without a wish all of it, or
    its beginning where there are more than MOST_MARKS chunks. `missing` are the lost sequences, in
    ascending order."""
    came = [_ms(trace, at) for at in trace.chunk_times]
    written = [_ms(trace, at) for at in trace.write_times]
    whole = Window(0.0, max([SHORTEST, *came[-1:], *written[-1:], *_event_times(trace)]))
    window = _choose(came, whole, wanted)
    first, last = bisect_left(came, window.since), bisect_right(came, window.until)
    strip = [0] * COLUMNS
    for at in came:
        strip[min(COLUMNS - 1, max(0, int(at / whole.length * COLUMNS)))] += 1
    highest = max(1, *strip)
    return TurnDrawing(
        whole=whole,
        window=window,
        chunks=tuple(_chunks(trace, came, window, first, min(last, first + MOST_MARKS))),
        writes=tuple(_writes(trace, written, window)),
        events=tuple(
            EventMark(window.x(at), at, event.kind.value)
            for event, at in zip(trace.events, _event_times(trace), strict=True)
            if window.since <= at <= window.until
        ),
        gaps=tuple(islice(_gaps(came, window), MOST_SPANS)),
        lost=tuple(islice(_lost(trace, came, missing, whole, window), MOST_SPANS)),
        ticks=tuple((window.x(at), at) for at in round_numbers(window.since, window.until, _TICKS)),
        strip=tuple(round(each / highest, 3) for each in strip),
        choices=tuple(_choices(whole)),
        left_out=max(0, last - first - MOST_MARKS),
    )


def _choose(came: Sequence[float], whole: Window, wanted: Window | None) -> Window:
    if wanted is not None:
        length = min(max(wanted.length, SHORTEST), whole.length)
        return Window.starting(wanted.since, length, whole)
    if len(came) > MOST_MARKS:
        return Window.starting(0.0, max(SHORTEST, came[MOST_MARKS - 1]), whole)
    return whole


def _ms(trace: Trace, at: float) -> float:
    """Milliseconds since the question; what a clock of another start would make negative is 0."""
    return max(0.0, round((at - trace.started_at) * 1000, 3))


def _event_times(trace: Trace) -> list[float]:
    return [_ms(trace, event.at) for event in trace.events]


def _chunks(
    trace: Trace, came: Sequence[float], window: Window, first: int, last: int
) -> Iterator[ChunkMark]:
    highest = max(trace.chunk_sequences[:first], default=UNNUMBERED)
    for at, sequence in zip(came[first:last], trace.chunk_sequences[first:last], strict=True):
        is_late = UNNUMBERED < sequence < highest
        highest = max(highest, sequence)
        number = None if sequence == UNNUMBERED else sequence
        yield ChunkMark(window.x(at), at, number, is_late)


def _writes(trace: Trace, written: Sequence[float], window: Window) -> Iterator[WriteMark]:
    first = bisect_left(written, window.since)
    last = min(bisect_right(written, window.until), first + MOST_MARKS)
    sizes, delays = trace.write_sizes, trace.relay_delays
    for number in range(first, last):
        at = written[number]
        yield WriteMark(window.x(at), at, sizes[number], round(delays[number] * 1000, 3))


def _gaps(came: Sequence[float], window: Window) -> Iterator[Gap]:
    for before, at in pairwise(came):
        if at - before >= SILENCE_MS and at > window.since and before < window.until:
            left = window.x(max(before, window.since))
            right = window.x(min(at, window.until))
            yield Gap(left, round(right - left, 2), round(at - before, 1))


def _lost(
    trace: Trace, came: Sequence[float], missing: Sequence[int], whole: Window, window: Window
) -> Iterator[Lost]:
    """Between the chunks before and behind them, or at the end where none came behind."""
    if not missing:
        return
    known = sorted(zip(trace.chunk_sequences, came, strict=True))
    numbers = [sequence for sequence, _ in known]
    for first, last in ranges_of(missing):
        index = bisect_left(numbers, first)
        before = known[index - 1][1] if index else 0.0
        behind = known[index][1] if index < len(known) else whole.until
        at = (before + behind) / 2
        if window.since <= at <= window.until:
            yield Lost(window.x(at), first, last)


def _choices(whole: Window) -> Iterator[Choice]:
    length = whole.length / CHOICES
    for number in range(CHOICES):
        since = number * length
        # A little of both sides is seen too, to know where one is.
        window = Window.starting(since - length / 2, length * 2, whole)
        yield Choice(whole.x(since), whole.x(length), window)
