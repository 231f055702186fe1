"""Turns as dots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.axis import WIDTH
from eyeclaw_trio.core.scatter import HEIGHT, TurnDot, scatter
from eyeclaw_trio.protocol.timestamps import to_stamp

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def dot(second: float, delay: float) -> TurnDot:
    return TurnDot(f"trace_{second}", to_stamp(NOON + timedelta(seconds=second)), delay, 0, None)


def test_no_turns_are_an_empty_picture() -> None:
    assert scatter(()) == scatter([])
    assert scatter(()).dots == ()


def test_later_is_further_right_and_slower_is_higher() -> None:
    picture = scatter([dot(60, 100.0), dot(0, 10_000.0), dot(30, 1_000.0)])
    xs = [each.x for each in picture.dots]
    assert xs == sorted(xs)
    assert [each.turn.delay for each in picture.dots] == [10_000.0, 1_000.0, 100.0]
    ys = [each.y for each in picture.dots]
    assert ys == sorted(ys)
    assert abs((ys[1] - ys[0]) - (ys[2] - ys[1])) < 0.02  # a tenth is always as far
    assert {1_000.0, 10_000.0} <= {delay for _, delay in picture.delays}


@given(
    st.lists(
        st.tuples(st.integers(0, 10**7), st.floats(0, 1e7, allow_nan=False)), min_size=1, max_size=9
    )
)
def test_every_dot_and_every_name_stands_within_the_picture(turns: list[tuple[int, float]]) -> None:
    picture = scatter([dot(second, delay) for second, delay in turns])
    assert len(picture.dots) == len(turns)
    for each in picture.dots:
        assert 0 <= each.x <= WIDTH
        assert 0 <= each.y <= HEIGHT
    assert all(0 <= y <= HEIGHT for y, _ in picture.delays)
    moments = [moment for _, moment in picture.moments]
    assert moments == sorted(moments)
    assert all(0 <= x <= WIDTH for x, _ in picture.moments)
