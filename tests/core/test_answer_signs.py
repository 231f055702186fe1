"""An answer's signs of life, its trace, and that its clock never hangs."""

from __future__ import annotations

import math

import pytest
from turn_by_hand import EARLY_KEEP_ALIVE, END, KEEP_ALIVE, MS, Turn, chunk, quiet, summary

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.turn_messages import DrainOver, LinkLost, PlaceGranted, TurnMessage
from eyeclaw_trio.errors import BotSilent
from eyeclaw_trio.protocol.bot import Status, StreamError


def test_a_comment_is_written_every_seven_seconds_of_silence_until_the_verdict() -> None:
    turn = Turn()
    log = turn.run_until(100.0)
    assert log == [(7.0 * n, EARLY_KEEP_ALIVE) for n in range(1, 9)]
    assert isinstance(turn.failure, BotSilent)


def test_a_text_puts_the_next_comment_off() -> None:
    turn = Turn()
    turn.at(5.0, chunk(0))
    assert turn.answer.deadline() == 12.0
    assert turn.at(12.0 - MS) == []
    assert turn.at(12.0) == [KEEP_ALIVE]


def test_a_sign_of_life_is_early_until_the_answer_has_a_word() -> None:
    turn = Turn()
    assert turn.at(7.0) == [EARLY_KEEP_ALIVE]
    assert turn.at(8.0, chunk(0, " \n")) == [" \n"]
    assert turn.at(15.0) == [EARLY_KEEP_ALIVE]
    assert turn.at(16.0, chunk(1, "好")) == ["好"]
    assert turn.at(23.0) == [KEEP_ALIVE]


def test_a_message_that_writes_nothing_puts_no_comment_off() -> None:
    turn = Turn()
    turn.at(5.0, chunk(3), Status("s"))
    assert turn.answer.deadline() == 7.0
    assert turn.at(7.0, chunk(2)) == [EARLY_KEEP_ALIVE]


def test_a_comment_is_not_written_beside_a_text_or_behind_the_ending() -> None:
    turn = Turn()
    assert turn.at(7.0, chunk(0, "a")) == ["a"]
    assert turn.at(20.0, END, summary("a", 1)) == []
    assert turn.at(100.0) == []


def test_comments_go_on_while_the_question_waits_and_while_the_link_is_down() -> None:
    turn = Turn(sent=False)
    assert [at for at, _ in turn.run_until(29.0)] == [7.0, 14.0, 21.0, 28.0]
    turn.at(29.0, PlaceGranted(), LinkLost())
    assert [at for at, _ in turn.run_until(48.0, start=29.0)] == [35.0, 42.0]


def test_the_time_between_comments_is_a_setting() -> None:
    turn = Turn(Patience(keepalive=12.0))
    assert turn.answer.deadline() == 12.0


# ---- the trace ----------------------------------------------------------------------------------


def test_the_trace_counts_what_came_and_what_was_written() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(0, "a"), chunk(2, "c"), chunk(1, "b"), END)
    turn.at(1.25)
    trace = turn.trace
    assert (trace.chunks_received, trace.duplicates, trace.chunks_written) == (3, 1, 3)


def test_the_trace_of_an_answer_that_nobody_waited_for_still_counts_what_came() -> None:
    turn = Turn(limits=Limits(answer_buffer=1))
    turn.at(1.0, chunk(0, "a"), chunk(0, "a"), chunk(2, "too big"))
    assert not turn.answer.complete
    trace = turn.trace
    assert (trace.chunks_received, trace.duplicates, trace.dropped) == (1, 1, 1)


@pytest.mark.parametrize("failure", [StreamError("s", "boom"), DrainOver()])
def test_a_hole_in_an_answer_that_failed_is_recorded_too(failure: TurnMessage) -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"))
    assert turn.at(2.0, failure) == []
    assert turn.trace.missing == ((1, 1),)
    assert turn.trace.anomalies == (Anomaly.LOST,)


def test_a_hole_in_an_answer_that_fell_silent_is_recorded_too() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"))
    assert turn.at(61.0) == []
    assert turn.text == "a"
    assert turn.trace.missing == ((1, 1),)
    assert turn.trace.anomalies == (Anomaly.LOST,)


def test_a_failed_answer_without_a_hole_has_no_anomaly() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), StreamError("s", "boom"))
    assert (turn.trace.missing, turn.trace.anomalies) == ((), ())


# ---- the clock never hangs ----------------------------------------------------------------------


@pytest.mark.parametrize("start", [0.0, 1e6 + 0.1, 86_400.0 * 365 * 3 + 1 / 3])
@pytest.mark.parametrize(
    "patience",
    [
        Patience(),
        Patience(keepalive=0.1, idle_timeout=0.3, summary_grace=0.1),
        Patience(resume_grace=1 / 3, queue_timeout=1 / 7, keepalive=1 / 9),
    ],
)
@pytest.mark.parametrize(
    "messages",
    [
        (),
        (PlaceGranted(),),
        (PlaceGranted(), LinkLost()),
        (LinkLost(),),
        (PlaceGranted(), chunk(1)),
        (PlaceGranted(), chunk(0), END),
        (PlaceGranted(), chunk(1), END),
        (PlaceGranted(), chunk(1), END, LinkLost()),
        (PlaceGranted(), chunk(0), summary("x", 1)),
        (PlaceGranted(), chunk(0), summary("x", 1), LinkLost()),
    ],
)
def test_looking_whenever_it_wants_to_be_looked_at_always_comes_to_an_end(
    start: float, patience: Patience, messages: tuple[TurnMessage, ...]
) -> None:
    turn = Turn(patience, now=start, sent=False)
    turn.at(start, *messages)
    turn.run_until(math.inf, start=start)
    assert turn.answer.complete
