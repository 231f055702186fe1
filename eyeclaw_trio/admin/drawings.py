"""What is drawn on the overview, as numbers: strokes, columns and lines within a frame. Pure.

Templates make SVG of them; colours come from classes, words from the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.presence import Beat, Span
from eyeclaw_trio.core.turn_counts import (
    FIRST_CHUNK_BOUNDS,
    RELAY_BOUNDS,
    TurnCounts,
    quantile,
)
from eyeclaw_trio.protocol.timestamps import to_stamp

# Units of the frame; templates stretch it to the room there is.
WIDTH: Final = 600
HEIGHT: Final = 120
# Of the width of each place, the rest is a gap.
_FILLED: Final = 0.75


@frozen
class Stroke:
    """One beat of a heartbeat bar: its place, its kind (a class of CSS), what it stands for."""

    x: float
    width: float
    beat: Beat
    began: str


@frozen
class Block:
    """One piece of a column."""

    y: float
    height: float
    kind: str


@frozen
class Column:
    """The turns of some time, from `began` on, as blocks that stand on each other."""

    x: float
    width: float
    began: str
    counts: TurnCounts
    blocks: tuple[Block, ...]


@frozen
class Curve:
    """A delay over time: pieces of a line, each as the points of an SVG polyline; broken where
    nothing was counted. `last` is the newest value in it (milliseconds)."""

    name: str
    pieces: tuple[str, ...]
    last: float | None


@frozen
class Chart:
    """Curves of one scale: the top of the frame is `top` milliseconds."""

    top: float
    curves: tuple[Curve, ...]


def draw_bar(beats: Sequence[Beat]) -> list[Stroke]:
    """The strokes of a heartbeat bar, the oldest at the left."""
    step = WIDTH / len(beats)
    return [
        Stroke(_round(index * step), _round(step * _FILLED), beat, minute_stamp(beat.first))
        for index, beat in enumerate(beats)
    ]


def draw_columns(sums: Sequence[TurnCounts], first: int, width: int) -> list[Column]:
    """Turns over time: what went well, on it what failed. Each is `width` seconds, from `first` on
    (seconds since 1970)."""
    top = max([1, *(each.turns for each in sums)])
    step = WIDTH / len(sums)
    columns = []
    for index, each in enumerate(sums):
        blocks, floor = [], float(HEIGHT)
        for number, kind in ((each.turns - each.failed, "good"), (each.failed, "bad")):
            if number:
                height = number / top * HEIGHT
                floor -= height
                blocks.append(Block(_round(floor), _round(height), kind))
        began = to_stamp(datetime.fromtimestamp(first + index * width, UTC))
        x, wide = _round(index * step), _round(step * _FILLED)
        columns.append(Column(x, wide, began, each, tuple(blocks)))
    return columns


def draw_first_chunk(sums: Sequence[TurnCounts]) -> Chart:
    """How long the first chunk took: the median and the 95th percentile."""
    return _draw_chart([each.first_chunk for each in sums], FIRST_CHUNK_BOUNDS)


def draw_relay(sums: Sequence[TurnCounts]) -> Chart:
    """How long the slowest chunk of a turn was held: the median and the 95th percentile."""
    return _draw_chart([each.relay for each in sums], RELAY_BOUNDS)


def minute_stamp(minute: int) -> str:
    """The beginning of this minute (since 1970) as ISO 8601."""
    return to_stamp(datetime.fromtimestamp(minute * 60, UTC))


def statistics_of(span: Span, now: int) -> tuple[int, int, int]:
    """For this span at `now` (seconds since 1970): where the sums begin, the seconds of each, and
    how many there are. They are made of minutes in an hour, else of hours."""
    number, seconds = {
        Span.HOUR: (60, 60),
        Span.DAY: (24, 3_600),
        Span.WEEK: (56, 10_800),
        Span.MONTH: (60, 43_200),
    }[span]
    return (now // seconds - number + 1) * seconds, seconds, number


def _draw_chart(counts: Sequence[Sequence[int]], bounds: Sequence[float]) -> Chart:
    values = {
        name: [quantile(bounds, each, share) for each in counts]
        for name, share in (("p50", 0.5), ("p95", 0.95))
    }
    highest = max((value for each in values.values() for value in each if value), default=0.0)
    top = _round_up(highest)
    curves = tuple(_draw_curve(name, each, top) for name, each in values.items())
    return Chart(top, curves)


def _draw_curve(name: str, values: Sequence[float | None], top: float) -> Curve:
    step = WIDTH / len(values)
    pieces: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        y = _round(HEIGHT - value / top * HEIGHT)
        # A short stroke for each, so that a value that stands alone is seen too.
        left, right = _round(index * step), _round((index + _FILLED) * step)
        pieces[-1] += [f"{left},{y}", f"{right},{y}"]
    known = [value for value in values if value is not None]
    lines = tuple(" ".join(piece) for piece in pieces if piece)
    return Curve(name, lines, known[-1] if known else None)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 … that is not below; 1 for nothing."""
    if value <= 0:
        return 1.0
    scale = 0.1
    while True:
        for step in (1, 2, 5):
            if value <= step * scale:
                return _round(step * scale)
        scale *= 10


def _round(value: float) -> float:
    return round(value, 2)
