"""How fast answers have been lately: last, median and 95th percentile of a bounded window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.trace import Outcome, Trace

# Answers remembered for each bot and each provider: a day or so of one wearer.
WINDOW: Final = 200

_FAILURES: Final = (Outcome.OFFLINE, Outcome.TIMEOUT, Outcome.BOT_ERROR)


@frozen
class Spread:
    """Of some durations, in milliseconds: the last, the median, the 95th percentile."""

    last: float
    p50: float
    p95: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """The spread of these values, in their order of time; None when there are none."""
        in_time = list(values)
        if not in_time:
            return None
        ordered = sorted(in_time)
        return cls(in_time[-1], _percentile(ordered, 0.50), _percentile(ordered, 0.95))


class Timings:
    """The answers of one bot or provider, the newest WINDOW of them."""

    def __init__(self) -> None:
        self.answers = 0
        self.failures = 0
        self._first: deque[float] = deque(maxlen=WINDOW)
        self._total: deque[float] = deque(maxlen=WINDOW)

    def add(self, trace: Trace, now: float) -> None:
        """Count a turn that ended at `now` (monotonic seconds)."""
        if trace.outcome is not Outcome.ANSWERED:
            # A wearer who has left is nobody's failure.
            self.failures += trace.outcome in _FAILURES
            return
        self.answers += 1
        if trace.first_chunk_at is not None:
            self._first.append(round((trace.first_chunk_at - trace.started_at) * 1000, 1))
        self._total.append(round((now - trace.started_at) * 1000, 1))

    @property
    def first_chunk(self) -> Spread | None:
        """From the question to the first chunk of its answer."""
        return Spread.of(self._first)

    @property
    def total(self) -> Spread | None:
        """From the question to the end of its answer."""
        return Spread.of(self._total)


def _percentile(ordered: list[float], share: float) -> float:
    """The smallest value that this share of all does not exceed (nearest rank)."""
    rank = max(1, -(-len(ordered) * round(share * 100) // 100))
    return ordered[rank - 1]
