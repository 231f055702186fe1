"""One answer and its clock: what is written when, and how each kind of failure ends.

Times are plain numbers. Durations are those of the protocol: 60 s idle, 20 s to resume, 7 s to a
comment, 30 s in the queue, 250 ms for a tail and 2 s for a summary.
"""

from __future__ import annotations

import pytest
from turn_by_hand import END, Turn, chunk, quiet, summary

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.protocol.bot import StreamChunk, StreamError

# ---- a good answer ------------------------------------------------------------------------------


def test_each_chunk_is_written_as_it_comes_and_the_summary_finishes_at_once() -> None:
    turn = Turn()
    assert turn.at(1.0, chunk(0, "你")) == ["你"]
    assert turn.at(2.0, chunk(1, "好")) == ["好"]
    assert turn.at(2.1, END) == []
    assert not turn.answer.complete
    assert turn.at(2.11, summary("你好", 2)) == []
    assert turn.failure is None
    assert turn.trace.anomalies == ()
    assert (turn.trace.sent_at, turn.trace.first_chunk_at, turn.trace.last_chunk_at) == (0, 1, 2)
    assert turn.trace.ended_at == 2.1


def test_a_burst_with_the_end_and_the_summary_right_behind_is_one_step() -> None:
    turn = Turn()
    burst = [chunk(n, str(n)) for n in (1, 0, 3, 2, 4, 6, 5)]
    events = turn.at(1.0, *burst, END, summary("0123456", 7))
    assert events == [str(n) for n in range(7)]
    assert turn.failure is None
    assert sorted(turn.acknowledged) == list(range(7))


def test_an_end_without_a_summary_is_waited_for_by_250_ms_and_not_one_less() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0), END)
    assert turn.answer.deadline() == 1.25
    turn.at(1.249)
    assert not turn.answer.complete
    turn.at(1.25)
    assert turn.failure is None
    assert turn.trace.anomalies == ()


def test_a_chunk_within_the_250_ms_still_counts() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), END)
    assert turn.at(1.2, chunk(1, "b")) == ["b"]
    turn.at(1.25)
    assert (turn.text, turn.failure) == ("ab", None)


def test_a_lost_tail_is_healed_by_a_summary_within_the_250_ms() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), END)
    assert turn.at(1.24, summary("abc", 3)) == ["bc"]
    assert turn.failure is None
    assert turn.trace.missing == ((1, 2),)
    assert turn.trace.anomalies == (Anomaly.HEALED,)


def test_an_end_with_a_gap_waits_two_seconds_and_then_sends_what_is_there() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END)
    assert turn.answer.deadline() == 3.0
    assert turn.at(2.999) == []
    assert turn.at(3.0) == ["c"]
    assert turn.failure is None
    assert turn.trace.missing == ((1, 1),)
    assert turn.trace.anomalies == (Anomaly.LOST,)
    assert turn.acknowledged == [0, 2]


def test_a_gap_is_healed_by_the_summary_at_once() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END)
    assert turn.at(2.5, summary("abc", 3)) == ["bc"]
    assert (turn.text, turn.failure) == ("abc", None)
    assert turn.trace.anomalies == (Anomaly.HEALED,)
    assert turn.acknowledged == [0, 2]


def test_a_gap_that_closes_late_finishes_at_once_when_the_250_ms_are_over() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END)
    assert turn.at(2.0, chunk(1, "b")) == ["b", "c"]
    assert turn.failure is None
    assert turn.trace.anomalies == ()


def test_a_gap_made_by_a_dropped_chunk_waits_for_its_summary_too() -> None:
    turn = Turn(limits=Limits(answer_buffer=1))
    turn.at(1.0, chunk(1, "bb"), chunk(0, "a"), END)
    assert turn.answer.deadline() == 3.0
    assert turn.at(2.0, summary("abb", 2)) == ["bb"]
    assert turn.acknowledged == [0]
    assert turn.trace.dropped == 1


def test_an_end_that_comes_twice_starts_no_clock_anew() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0), END)
    turn.at(1.2, END)
    assert turn.answer.deadline() == 1.25
    assert turn.trace.ended_at == 1.0
    turn.at(1.25, END)
    assert turn.failure is None


def test_a_summary_that_overtakes_the_end_finishes_with_it() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), summary("a", 1))
    assert not turn.answer.complete
    turn.at(1.5, END)
    assert turn.failure is None
    assert turn.trace.anomalies == ()


def test_a_summary_without_an_end_finishes_after_two_seconds_and_is_recorded() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), summary("ab", 2))
    assert turn.answer.deadline() == 3.0
    assert turn.at(3.0) == ["b"]
    assert turn.failure is None
    assert set(turn.trace.anomalies) == {Anomaly.NO_END, Anomaly.HEALED}
    assert turn.trace.ended_at is None  # none came, and ours is no bot's delay


def test_a_chunk_behind_an_early_summary_still_counts() -> None:
    turn = Turn()
    turn.at(1.0, summary("ab", 2), chunk(0, "a"), END, chunk(1, "b"))
    assert (turn.text, turn.failure) == ("ab", None)
    assert turn.trace.anomalies == ()


def test_chunks_without_numbers_are_passed_through_and_not_acknowledged() -> None:
    turn = Turn()
    assert turn.at(1.0, chunk(None, "b"), chunk(None, "a")) == ["b", "a"]
    turn.at(1.0, END)
    turn.at(1.25)
    assert (turn.acknowledged, turn.failure) == ([], None)


def test_empty_chunks_are_acknowledged_but_nothing_is_written_for_them() -> None:
    turn = Turn()
    assert turn.at(1.0, chunk(0, "")) == []
    assert turn.acknowledged == [0]
    assert turn.at(1.0, chunk(1, "a")) == ["a"]
    assert turn.trace.chunks_written == 1


# ---- acknowledgements ---------------------------------------------------------------------------


def test_a_chunk_is_acknowledged_after_it_was_written_once_for_each_copy() -> None:
    turn = Turn()
    answer = turn.answer
    answer.step([chunk(0), chunk(0), chunk(2)], 1.0)
    assert answer.written() == [0, 0]
    assert answer.written() == []
    answer.step([chunk(1)], 1.0)
    assert answer.written() == [1, 2]


def test_a_chunk_behind_the_summary_in_one_batch_is_used_and_acknowledged() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), END, summary("ab", 2), chunk(1, "b"))
    assert (turn.text, turn.acknowledged) == ("ab", [0, 1])
    assert turn.trace.anomalies == ()


def test_a_chunk_behind_an_error_in_one_batch_is_acknowledged_and_never_written() -> None:
    turn = Turn()
    assert turn.at(1.0, StreamError("s", "boom"), chunk(0, "late"), chunk(0, "late")) == []
    assert turn.acknowledged == [0, 0]


@pytest.mark.parametrize("late", [chunk(5, "late"), chunk(0, "late"), chunk(1, "late")])
def test_a_chunk_after_the_end_is_acknowledged_and_never_written(late: StreamChunk) -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), END, summary("a", 1))
    assert turn.at(1.1, late) == []
    assert turn.acknowledged == [0, late.sequence]


def test_a_chunk_after_the_time_out_is_acknowledged_and_never_written() -> None:
    turn = Turn(quiet())
    turn.at(60.0)
    assert turn.at(60.1, chunk(0, "late")) == []
    assert (turn.acknowledged, turn.text) == ([0], "")


def test_what_was_dropped_for_want_of_room_is_never_acknowledged() -> None:
    turn = Turn(limits=Limits(answer_buffer=2))
    turn.at(1.0, chunk(1, "bb"), chunk(2, "c"), chunk(0, "a"), END, summary("abbc", 3))
    assert (turn.text, turn.acknowledged) == ("abbc", [0, 1])
    assert turn.trace.dropped == 1
    assert set(turn.trace.anomalies) == {Anomaly.DROPPED, Anomaly.HEALED}
