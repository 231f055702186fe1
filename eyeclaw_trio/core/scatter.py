"""Turns as dots: when each began against how long its first chunk took. Pure.

Delays go from milliseconds to minutes, so they are drawn by their logarithm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import log10
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.axis import Window

HEIGHT: Final = 200.0
# What the axis may name, in milliseconds.
_NAMED: Final = tuple(each * 10.0**power for power in range(6) for each in (1, 3))
_TIMES: Final = 5
# Room beside the outermost dots (a share of all), so that none is cut.
_MARGIN: Final = 0.02


@frozen
class TurnDot:
    """A turn in a picture of many: when it began, and its first chunk's delay in milliseconds."""

    trace_id: str
    created_at: str
    delay: float
    missing_count: int
    outcome: str | None


@frozen
class PlacedDot:
    """A turn, and where it stands; `y` goes down."""

    x: float
    y: float
    turn: TurnDot


@frozen
class Scatter:
    """The dots, oldest first, and what its axes name: milliseconds, and moments."""

    dots: tuple[PlacedDot, ...]
    delays: tuple[tuple[float, float], ...]
    moments: tuple[tuple[float, datetime], ...]


def scatter(turns: Sequence[TurnDot]) -> Scatter:
    """The picture of these turns."""
    if not turns:
        return Scatter((), (), ())
    begun = [datetime.fromisoformat(each.created_at).timestamp() * 1000 for each in turns]
    times = _widened(min(begun), max(begun), at_least=1_000.0)
    heights = [log10(max(1.0, each.delay)) for each in turns]
    rise = _widened(min(heights), max(heights), at_least=1.0)

    def y(height: float) -> float:
        return round(HEIGHT * (rise.until - height) / rise.length, 2)

    dots = sorted(
        (
            PlacedDot(times.x(at), y(height), turn)
            for at, height, turn in zip(begun, heights, turns, strict=True)
        ),
        key=lambda dot: dot.x,
    )
    named = tuple(
        (y(log10(each)), each) for each in _NAMED if rise.since <= log10(each) <= rise.until
    )
    return Scatter(tuple(dots), named, tuple(_moments(times)))


def _widened(low: float, high: float, *, at_least: float) -> Window:
    length = max(high - low, at_least)
    middle = (low + high) / 2
    half = length * (0.5 + _MARGIN)
    return Window(middle - half, middle + half)


def _moments(times: Window) -> Iterator[tuple[float, datetime]]:
    for number in range(_TIMES):
        at = times.since + times.length * (number + 0.5) / _TIMES
        yield times.x(at), datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
