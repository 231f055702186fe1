"""How fast a provider was, as numbers of a drawing."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.provider_drawing import DRAWN, HEIGHT, WIDTH, plot_first_tokens, split_answer
from eyeclaw_trio.core.provider_timing import TARGETS, ProviderAnswer, Segments
from eyeclaw_trio.errors import Reason

HOME = TARGETS["home"]
seconds = st.floats(0.0, 1e6)
answers = st.builds(
    ProviderAnswer,
    st.just("x"),
    st.builds(Segments, first_token=st.none() | seconds, last_token=st.none() | seconds),
    st.booleans(),
    st.just(""),
    st.none() | st.sampled_from(list(Reason)),
)


def answer(first: float | None, last: float | None, reason: Reason | None = None) -> ProviderAnswer:
    return ProviderAnswer("x", Segments(first_token=first, last_token=last), False, "", reason)


def test_a_dot_says_whether_the_target_was_met_missed_or_the_answer_failed() -> None:
    plot = plot_first_tokens(
        [answer(0.5, 1.0), answer(1.5, 2.0), answer(None, None, Reason.MODEL_BUSY)], HOME
    )
    assert [dot.kind for dot in plot.dots] == ["good", "warn", "bad"]
    fast, slow, failed = plot.dots
    assert fast.x < slow.x < failed.x
    assert fast.y > plot.target.y > slow.y  # up is slower
    assert failed.y == plot.scale[0].y  # on the ground


def test_a_plot_of_nothing_has_a_target_still() -> None:
    plot = plot_first_tokens([], HOME)
    assert (plot.dots, plot.target.seconds) == ([], 1.0)


@given(st.lists(answers, max_size=2 * DRAWN))
def test_every_dot_is_within_the_drawing(many: list[ProviderAnswer]) -> None:
    plot = plot_first_tokens(many, HOME)
    assert len(plot.dots) == min(len(many), DRAWN)
    for dot in plot.dots:
        assert plot.left <= dot.x <= WIDTH
        assert 0 <= dot.y <= HEIGHT


def test_an_answer_is_a_bar_of_what_was_reached() -> None:
    parts = split_answer(Segments(0.1, None, 0.2, None, 0.5, 1.0), width=100)
    assert [(each.name, each.x, each.width) for each in parts] == [
        ("connect", 0.0, 10.0),
        ("request_sent", 10.0, 10.0),
        ("first_token", 20.0, 30.0),
        ("last_token", 50.0, 50.0),
    ]
    assert split_answer(Segments()) == ()


@given(st.builds(Segments, *[st.none() | seconds] * 6))
def test_the_parts_of_a_bar_follow_one_another_and_fill_it(segments: Segments) -> None:
    parts = split_answer(segments)
    for before, after in pairwise(parts):
        assert before.end == after.start <= after.end
    for part in parts:
        assert part.width >= 0
        assert part.x + part.width <= WIDTH + 0.1
