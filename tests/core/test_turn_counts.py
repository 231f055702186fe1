"""Turns over time: what is counted of them, and the delays that the counts tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.core.turn_counts import (
    FIRST_CHUNK_BOUNDS,
    RELAY_BOUNDS,
    CountedTime,
    TurnCounts,
    gather,
    quantile,
)


def make_ended(outcome: Outcome, *, first_chunk_at: float | None = None) -> Trace:
    """A turn that began at 100 s."""
    trace = Trace("trace", "session", 1, 100.0)
    trace.first_chunk_at = first_chunk_at
    trace.end(outcome)
    return trace


def test_a_turn_counts_once_and_a_wearer_who_left_is_no_failure() -> None:
    counts = TurnCounts()
    for outcome in Outcome:
        counts.add_turn(make_ended(outcome))
    assert counts.turns == len(Outcome)
    assert counts.failed == len(Outcome) - 4


def test_a_turn_tells_its_first_chunk_its_slowest_write_and_whether_chunks_were_missing() -> None:
    trace = make_ended(Outcome.ANSWERED, first_chunk_at=100.25)
    for delay in (0.0003, 0.004, 0.0008):
        trace.note_written(101.0, 101.0 - delay, ["text"])
    trace.missing = ((3, 4),)
    counts = TurnCounts()
    counts.add_turn(trace)
    assert counts.lost == 1
    assert counts.first_chunk[FIRST_CHUNK_BOUNDS.index(300)] == sum(counts.first_chunk) == 1
    assert counts.relay[RELAY_BOUNDS.index(5)] == sum(counts.relay) == 1


def test_sums_of_a_day_are_gathered_by_hours_and_what_lies_outside_is_left_out() -> None:
    counted = [CountedTime(began, TurnCounts(turns=1)) for began in (0, 3600, 3660, 7199, 7200)]
    assert [each.turns for each in gather(counted, 3600, 3600, 1)] == [3]
    assert [each.turns for each in gather(counted, 0, 3600, 3)] == [1, 3, 1]


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 0, 0, 0], 0.5, None),
        ([4, 0, 0, 0], 0.5, 5.0),
        ([0, 2, 2, 0], 0.5, 20.0),
        ([0, 2, 2, 0], 1.0, 30.0),
        ([0, 0, 0, 1], 0.5, 30.0),
    ],
)
def test_a_quantile_lies_between_the_bounds_of_what_was_counted(
    counts: list[int], share: float, expected: float | None
) -> None:
    assert quantile((10, 20, 30), counts, share) == expected


@given(delays=st.lists(st.floats(0.0, 59.0), min_size=1, max_size=200), share=st.floats(0.01, 1.0))
def test_a_quantile_is_never_further_off_than_the_bounds_are_from_each_other(
    delays: list[float], share: float
) -> None:
    counts = TurnCounts()
    for delay in delays:
        counts.add_turn(make_ended(Outcome.ANSWERED, first_chunk_at=100.0 + delay))
    told = quantile(FIRST_CHUNK_BOUNDS, counts.first_chunk, share)
    assert told is not None
    ordered = sorted((100.0 + delay - 100.0) * 1000 for delay in delays)
    rank = next(n for n in range(1, len(ordered) + 1) if n >= share * len(ordered))
    true = ordered[rank - 1]
    place = next(place for place, bound in enumerate(FIRST_CHUNK_BOUNDS) if true <= bound)
    assert (FIRST_CHUNK_BOUNDS[place - 1] if place else 0) <= told <= FIRST_CHUNK_BOUNDS[place]
