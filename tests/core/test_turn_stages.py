"""How far a turn came, and where it failed or what it waits for."""

from __future__ import annotations

import pytest

from eyeclaw_trio.core.trace import Happening, Trace
from eyeclaw_trio.core.turn_stages import STAGES, stages_of


def make_turn(*, sent: float | None, chunks: tuple[float, ...] = (), **events: float) -> Trace:
    """Times in seconds since the question."""
    trace = Trace("trace_1", "session_1", 1, 10.0)
    trace.note(Happening.REQUEST_RECEIVED, 10.0)
    if sent is not None:
        trace.note(Happening.COMMAND_BROADCAST, 10.0 + sent)
    for number, at in enumerate(chunks):
        trace.note_chunk(10.0 + at, number, "x")
    for kind, at in events.items():
        trace.note(Happening(kind), 10.0 + at)
    return trace


def told(trace: Trace, outcome: str | None) -> list[tuple[str, float | None]]:
    stages = stages_of(trace, outcome)
    assert tuple(each.name for each in stages) == STAGES
    return [(each.state, each.seconds) for each in stages]


def test_an_answered_turn_has_reached_every_stage_each_in_so_many_seconds() -> None:
    trace = make_turn(sent=0.25, chunks=(1.0, 2.0, 3.5), stream_end=3.75, finished=4.0)
    assert told(trace, "answered") == [
        ("done", 0.0),
        ("done", 0.25),
        ("done", 0.75),
        ("done", 2.5),
        ("done", 0.25),
    ]


@pytest.mark.parametrize(
    ("trace", "outcome", "states"),
    [
        (make_turn(sent=None), None, "done running never never never"),
        (make_turn(sent=0.1), None, "done done running never never"),
        (make_turn(sent=0.1, chunks=(1.0,)), None, "done done done running never"),
        (make_turn(sent=None, finished=0.1), "offline", "done failed never never never"),
        (make_turn(sent=0.1, finished=60.0), "timeout", "done done failed never never"),
        (
            make_turn(sent=0.1, chunks=(1.0,), finished=61.0),
            "timeout",
            "done done done done failed",
        ),
        # What was written all came from the summary.
        (make_turn(sent=0.1, finished=2.0), "answered", "done done done done done"),
        # A triggered turn: nobody asked its bot.
        (make_turn(sent=None, chunks=(0.5,), finished=1.0), "answered", "done done done done done"),
        # An end that overtook the last chunk.
        (
            make_turn(sent=0.1, chunks=(1.0, 2.0), stream_end=1.5),
            "answered",
            "done done done done done",
        ),
    ],
)
def test_the_first_stage_that_was_not_reached_is_where_it_stands(
    trace: Trace, outcome: str | None, states: str
) -> None:
    stages = told(trace, outcome)
    assert [state for state, _ in stages] == states.split()
    assert all((seconds is not None) == (state == "done") for state, seconds in stages)
    assert all(seconds is None or seconds >= 0 for _, seconds in stages)
