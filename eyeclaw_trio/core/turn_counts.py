"""How many turns there were in a minute or an hour, and how they went: small numbers that add up.

A day of a busy gateway has more turns than traces are kept; what is drawn over time is counted
here when a turn ends, from its trace. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field, frozen

from eyeclaw_trio.core.trace import Outcome, Trace

# Bounds of the counted delays, in milliseconds; the last count is of what is longer. A wearer
# notices a first word from about half a second on.
FIRST_CHUNK_BOUNDS: Final = (
    50, 100, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000, 12_000, 20_000, 30_000,
    60_000,
)  # fmt: skip
RELAY_BOUNDS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000)

# Whoever asked left, or read too slowly: that is nobody's failure here.
_NO_FAILURES: Final = (
    Outcome.ANSWERED,
    Outcome.LATE,
    Outcome.CANCELLED,
    Outcome.SLOW_READER,
)


@define
class TurnCounts:
    """Turns that ended within some time.

    `lost` are those in which chunks were missing, healed or not. `first_chunk` counts how long
    the first chunk took, `relay` how long the slowest chunk of a turn took from its arrival to
    the end of its write, each by its bounds.
    """

    turns: int = 0
    failed: int = 0
    lost: int = 0
    first_chunk: list[int] = field(factory=lambda: [0] * (len(FIRST_CHUNK_BOUNDS) + 1))
    relay: list[int] = field(factory=lambda: [0] * (len(RELAY_BOUNDS) + 1))

    def add_turn(self, trace: Trace) -> None:
        """Count a turn that has ended."""
        self.turns += 1
        self.failed += is_failure(trace.outcome)
        self.lost += bool(trace.missing)
        if trace.first_chunk_at is not None:
            delay = (trace.first_chunk_at - trace.started_at) * 1000
            self.first_chunk[bisect_left(FIRST_CHUNK_BOUNDS, delay)] += 1
        if delays := trace.relay_delays:
            self.relay[bisect_left(RELAY_BOUNDS, max(delays) * 1000)] += 1

    def add(self, other: TurnCounts) -> None:
        """Count those of another too."""
        self.turns += other.turns
        self.failed += other.failed
        self.lost += other.lost
        self.first_chunk = [a + b for a, b in zip(self.first_chunk, other.first_chunk, strict=True)]
        self.relay = [a + b for a, b in zip(self.relay, other.relay, strict=True)]


@frozen
class CountedTime:
    """What was counted in the time from `began` on (seconds since 1970)."""

    began: int
    counts: TurnCounts


def is_failure(outcome: Outcome | None) -> bool:
    """Whether a turn that ended like this has failed whoever asked."""
    return outcome not in _NO_FAILURES


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """The delay that this share of all does not exceed, as near as the counts tell: between the
    two bounds it lies in proportion. None where there is none; what is longer than the last bound
    counts as that."""
    wanted = share * sum(counts)
    if not wanted:
        return None
    before = 0
    for index, count in enumerate(counts[:-1]):
        if count and before + count >= wanted:
            low = bounds[index - 1] if index else 0.0
            return low + (bounds[index] - low) * (wanted - before) / count
        before += count
    return float(bounds[-1])


def gather(counted: Iterable[CountedTime], first: int, width: int, number: int) -> list[TurnCounts]:
    """As many sums of `width` seconds each, from `first` on (seconds since 1970)."""
    sums = [TurnCounts() for _ in range(number)]
    for each in counted:
        index = (each.began - first) // width
        if 0 <= index < number:
            sums[index].add(each.counts)
    return sums
