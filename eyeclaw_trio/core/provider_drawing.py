"""How fast a provider was, as a drawing: a dot for each answer, a line for its target; and one
answer as a bar of its segments. Pure: numbers that a template puts into SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from attrs import frozen

from eyeclaw_trio.core.provider_timing import SEGMENTS, ProviderAnswer, Segments, Targets

WIDTH: Final = 640
HEIGHT: Final = 160
_LEFT: Final = 64
_BOTTOM: Final = 20
_TOP: Final = 20
# Newest answers that are drawn.
DRAWN: Final = 120
# Ends of the scale, in seconds; what is slower stands at the top.
_ENDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)

Kind = Literal["good", "warn", "bad"]


@frozen
class Dot:
    """One answer. `kind`: within the target, slower, or failed (`seconds` is None then)."""

    x: float
    y: float
    kind: Kind
    seconds: float | None
    number: int


@frozen
class Mark:
    """A line across, at so many seconds."""

    y: float
    seconds: float


@frozen
class TimingPlot:
    """First tokens, the oldest at the left; failures stand on the ground."""

    dots: Sequence[Dot]
    scale: Sequence[Mark]
    target: Mark
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT


@frozen
class BarPart:
    """One segment of an answer, from `start` to `end` (seconds since it was asked)."""

    name: str
    start: float
    end: float
    x: float
    width: float


def plot_first_tokens(answers: Sequence[ProviderAnswer], targets: Targets) -> TimingPlot:
    """The newest answers as dots; the line is the target over a warm connection."""
    shown = answers[-DRAWN:]
    times = [each.segments.first_token or 0.0 for each in shown if each.reason is None]
    longest = max([*times, targets.warm.first_token])
    end = next((each for each in _ENDS if each >= longest), _ENDS[-1])

    def height_of(seconds: float) -> float:
        room = HEIGHT - _TOP - _BOTTOM
        return round(_TOP + room * (1 - min(seconds / end, 1.0)), 1)

    step = (WIDTH - _LEFT - 8) / max(len(shown), 1)
    dots = [
        _make_dot(answer, targets, round(_LEFT + step * (number + 0.5), 1), height_of, number)
        for number, answer in enumerate(shown)
    ]
    scale = [Mark(height_of(end * part), end * part) for part in (0.0, 0.5, 1.0)]
    warm = targets.warm.first_token
    return TimingPlot(dots, scale, Mark(height_of(warm), warm))


def split_answer(segments: Segments, width: float = WIDTH) -> Sequence[BarPart]:
    """What took how long within one answer, as a bar of this width. Nothing for what was
    not reached."""
    reached = [(name, at) for name in SEGMENTS if (at := getattr(segments, name)) is not None]
    if not reached:
        return ()
    whole = max(at for _, at in reached) or 1.0
    stretches = []
    start = 0.0
    for name, at in reached:
        end = max(at, start)
        x, right = start / whole * width, end / whole * width
        stretches.append(BarPart(name, start, end, round(x, 1), round(right - x, 1)))
        start = end
    return stretches


def _make_dot(
    answer: ProviderAnswer,
    targets: Targets,
    x: float,
    height_of: Callable[[float], float],
    number: int,
) -> Dot:
    seconds = answer.segments.first_token
    if answer.reason is not None or seconds is None:
        return Dot(x, height_of(0.0), "bad", None, number)
    is_met = targets.of(answer).is_met(answer.segments)
    return Dot(x, height_of(seconds), "good" if is_met else "warn", seconds, number)
