"""Answers and summaries without end: bounded, and told."""

from __future__ import annotations

import tracemalloc

from turn_by_hand import Turn, chunk, quiet, summary

from eyeclaw_trio.core.patience import ANSWER_LIMIT
from eyeclaw_trio.core.trace import KEPT_EVENTS, Happening
from eyeclaw_trio.errors import AnswerTooLong


def test_summaries_without_text_again_and_again_move_nothing_but_the_count() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0))
    for n in range(1_000):
        turn.at(2.0 + n / 1_000, summary("", 1))
    assert turn.answer.deadline() == 4.0
    turn.at(4.0)
    assert turn.answer.complete
    assert turn.failure is None
    assert len(turn.trace.events) == KEPT_EVENTS
    turn.trace.note(Happening.FINISHED, 4.0)
    assert turn.trace.events[-1].data == {"events_left_out": turn.trace.events_left_out}
    assert len(turn.trace.events) - 1 + turn.trace.events_left_out > 1_000


def test_a_second_summary_that_has_the_text_is_used_and_moves_no_deadline() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"))
    turn.at(2.0, summary("", 2))
    turn.at(3.0, summary("ab", 2))
    assert turn.answer.deadline() == 4.0
    turn.at(4.0)
    assert turn.text == "ab"


def test_an_answer_without_end_is_cut_off_at_the_limit_and_says_so() -> None:
    turn = Turn(quiet())
    piece = "好" * 1_000  # three thousand bytes
    for n in range(ANSWER_LIMIT // 3_000):
        turn.at(1.0, chunk(n, piece))
    assert not turn.answer.complete
    turn.at(1.0, chunk(n + 1, piece))
    assert isinstance(turn.failure, AnswerTooLong)


def test_what_an_answer_needs_does_not_grow_with_its_text() -> None:
    turn = Turn(quiet())
    tracemalloc.start()
    try:
        for n in range(20_000):  # small pieces, of which each is an object
            turn.answer.step([chunk(n, f"{n:06}")], 1.0)
            turn.answer.written()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 500_000  # the times of the first ten thousand, and nothing more
