"""A turn as it is drawn: where everything stands, what is seen of it, and that it has an end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.axis import WIDTH, Window, round_numbers
from eyeclaw_trio.core.trace import Happening, Trace
from eyeclaw_trio.core.turn_drawing import (
    CHOICES,
    COLUMNS,
    MOST_MARKS,
    SHORTEST,
    TurnDrawing,
    draw_turn,
)


def make_turn(*chunks: tuple[float, int | None], began: float = 50.0) -> Trace:
    """A turn whose chunks came at these milliseconds with these sequences, each written 1 ms
    later, and that was over after a second."""
    trace = Trace("trace_1", "session_1", 1, began)
    trace.note(Happening.REQUEST_RECEIVED, began)
    for at_ms, sequence in chunks:
        at = began + at_ms / 1000
        trace.note_chunk(at, sequence, "x")
        trace.note_written(at + 0.001, at, ["x"])
    trace.note(Happening.FINISHED, began + 1.0)
    return trace


def test_each_chunk_stands_where_it_came_and_where_it_was_written() -> None:
    drawing = draw_turn(make_turn((100, 0), (150, 1), (500, None)))
    assert drawing.whole == drawing.window == Window(0.0, 1000.0)
    assert drawing.window == drawing.whole
    assert [(each.x, each.sequence) for each in drawing.chunks] == [(100, 0), (150, 1), (500, None)]
    assert [(each.x, each.chunks, each.delay_ms) for each in drawing.writes] == [
        (101, 1, 1.0),
        (151, 1, 1.0),
        (501, 1, 1.0),
    ]
    assert [(each.kind, each.x) for each in drawing.events] == [
        ("request_received", 0),
        ("finished", 1000),
    ]
    assert [at for _, at in drawing.ticks] == [0, 200, 400, 600, 800, 1000]


def test_what_was_silent_late_or_lost_is_marked() -> None:
    drawing = draw_turn(make_turn((100, 0), (110, 3), (120, 2), (500, 7)), missing=[1, 4, 5, 6, 8])
    assert [each.is_late for each in drawing.chunks] == [False, False, True, False]
    [gap] = drawing.gaps
    assert (gap.x, gap.width, gap.length_ms) == (120, 380, 380.0)
    # Between what came before and behind in the answer, or at the end.
    assert [(each.first, each.last, each.x) for each in drawing.lost] == [
        (1, 1, 110.0),
        (4, 6, 305.0),
        (8, 8, 750.0),
    ]


def test_only_what_is_in_the_window_is_drawn_and_late_is_late_there_too() -> None:
    turn = make_turn((100, 0), (300, 5), (310, 4), (900, 6))
    drawing = draw_turn(turn, missing=[1], wanted=Window(305.0, 405.0))
    assert drawing.window == Window(305.0, 405.0)
    assert drawing.window != drawing.whole
    assert [(each.sequence, each.x, each.is_late) for each in drawing.chunks] == [(4, 50, True)]
    assert (drawing.events, drawing.lost) == ((), ())
    [gap] = drawing.gaps  # it began in the window and goes on behind it
    assert (gap.x, gap.width, gap.length_ms) == (50, 950, 590.0)
    # The strip is of the whole turn all the same.
    assert [number for number, each in enumerate(drawing.strip) if each] == [20, 60, 62, 180]


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (Window(-500.0, 200.0), Window(0.0, 700.0)),
        (Window(900.0, 1400.0), Window(500.0, 1000.0)),
        (Window(-1e12, 1e12), Window(0.0, 1000.0)),
        (Window(400.0, 400.001), Window(400.0, 400.0 + SHORTEST)),
    ],
)
def test_a_window_lies_within_the_turn_and_is_not_too_short(wanted: Window, seen: Window) -> None:
    assert draw_turn(make_turn((100, 0)), wanted=wanted).window == seen


def test_a_turn_without_anything_is_drawn_too() -> None:
    trace = Trace("trace_1", "session_1", 1, 0.0)
    drawing = draw_turn(trace)
    assert drawing.whole == Window(0.0, SHORTEST)
    assert (drawing.chunks, drawing.gaps, drawing.lost) == ((), (), ())
    assert set(drawing.strip) == {0.0}


def test_a_long_answer_is_drawn_from_its_beginning_and_the_rest_is_counted() -> None:
    turn = make_turn(*((n / 10, n) for n in range(MOST_MARKS + 500)))
    drawing = draw_turn(turn)
    assert len(drawing.chunks) == MOST_MARKS
    assert drawing.left_out == 0  # they are behind the window
    assert drawing.window != drawing.whole
    everything = draw_turn(turn, wanted=drawing.whole)
    assert (len(everything.chunks), everything.left_out) == (MOST_MARKS, 500)
    assert len(everything.writes) <= MOST_MARKS


def seen_in(drawing: TurnDrawing, window: Window) -> bool:
    return drawing.whole.since <= window.since < window.until <= drawing.whole.until + 1e-6


@given(
    st.lists(st.tuples(st.floats(0, 999), st.integers(0, 9)), max_size=12),
    st.floats(-100, 1100),
    st.floats(-100, 1100),
    st.lists(st.integers(0, 12), unique=True).map(sorted),
)
def test_everything_stands_within_the_drawing(
    chunks: list[tuple[float, int]], since: float, until: float, missing: list[int]
) -> None:
    chunks.sort()
    wanted = Window(since, until) if since < until else None
    drawing = draw_turn(make_turn(*chunks), missing, wanted)
    places = [each.x for each in drawing.chunks]
    places += [each.x for each in drawing.writes]
    places += [each.x for each in drawing.events]
    places += [each.x for each in drawing.lost]
    places += [x for x, _ in drawing.ticks]
    places += [end for gap in drawing.gaps for end in (gap.x, gap.x + gap.width)]
    assert all(-0.1 <= x <= WIDTH + 0.1 for x in places)
    assert len(drawing.strip) == COLUMNS
    assert len(drawing.choices) == CHOICES
    assert all(seen_in(drawing, each.window) for each in drawing.choices)
    for factor in (0.5, 2.0):
        assert seen_in(drawing, drawing.window.zoomed(factor, drawing.whole))
    for share in (-0.5, 0.5):
        assert seen_in(drawing, drawing.window.moved(share, drawing.whole))


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e6), st.integers(1, 12))
def test_round_numbers_are_few_evenly_apart_and_within(low: float, span: float, most: int) -> None:
    found = list(round_numbers(low, low + span, most))
    assert len(found) <= most + 1
    assert all(low - 1e-6 <= each <= low + span + 1e-6 for each in found)
    steps = {round(b - a, 6) for a, b in pairwise(found)}
    assert max(steps, default=0.0) - min(steps, default=0.0) < 1e-5


def test_there_are_no_round_numbers_in_nothing() -> None:
    assert list(round_numbers(5.0, 5.0, 8)) == []
    assert list(round_numbers(0.0, 1.0, 0)) == []
