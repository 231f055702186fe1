"""How fast answers have been: last, median, 95th percentile, of a bounded window."""

from __future__ import annotations

import pytest

from eyeclaw_trio.core.timings import WINDOW, Spread, Timings
from eyeclaw_trio.core.trace import Outcome, Trace


def answered(first: float, total: float) -> tuple[Trace, float]:
    """A turn that began at 100 s, with these durations in seconds."""
    trace = Trace("t", "s", 1, 100.0)
    trace.note_chunk(100.0 + first, 0, "a")
    trace.end(Outcome.ANSWERED)
    return trace, 100.0 + total


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ([], None),
        ([7.0], Spread(7.0, 7.0, 7.0)),
        ([3.0, 1.0, 2.0], Spread(2.0, 2.0, 3.0)),
        ([float(n) for n in range(1, 101)], Spread(100.0, 50.0, 95.0)),
        ([float(n) for n in range(20, 0, -1)], Spread(1.0, 10.0, 19.0)),
    ],
)
def test_last_median_and_95th_percentile(values: list[float], spread: Spread | None) -> None:
    assert Spread.of(values) == spread


def test_durations_count_from_the_question_in_milliseconds() -> None:
    timings = Timings()
    timings.add(*answered(0.25, 1.5))
    assert timings.first_chunk == Spread(250.0, 250.0, 250.0)
    assert timings.total == Spread(1500.0, 1500.0, 1500.0)


def test_a_failure_counts_as_one_and_changes_no_duration() -> None:
    timings = Timings()
    trace = Trace("t", "s", 1, 0.0)
    trace.end(Outcome.TIMEOUT)
    timings.add(trace, 60.0)
    assert (timings.answers, timings.failures, timings.total) == (0, 1, None)


def test_a_wearer_who_hung_up_is_nobody_s_failure() -> None:
    timings = Timings()
    trace = Trace("t", "s", 1, 0.0)
    trace.end(Outcome.CANCELLED)
    timings.add(trace, 1.0)
    assert (timings.answers, timings.failures) == (0, 0)


def test_the_window_is_bounded_and_forgets_the_oldest() -> None:
    timings = Timings()
    timings.add(*answered(9.0, 9.0))
    for _ in range(WINDOW):
        timings.add(*answered(0.1, 0.2))
    assert timings.answers == WINDOW + 1
    assert timings.total == Spread(200.0, 200.0, 200.0)
