"""One answer and its clock: what is written when, and how each kind of failure ends.

Times are plain numbers. Durations are those of the protocol: 60 s idle, 20 s to resume, 7 s to a
comment, 30 s in the queue, 250 ms for a tail and 2 s for a summary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from turn_by_hand import END, KEEP_ALIVE, MS, Turn, chunk, quiet, summary

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.turn_messages import DrainOver, LinkBack, LinkLost, PlaceGranted, TurnMessage
from eyeclaw_trio.errors import (
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    GatewayStopping,
    Reason,
)
from eyeclaw_trio.protocol.bot import Status, StreamChunk, StreamError, StreamSummary

# ---- a good answer ------------------------------------------------------------------------------


def test_each_chunk_is_written_as_it_comes_and_the_summary_finishes_at_once() -> None:
    turn = Turn()
    assert turn.at(1.0, chunk(0, "你")) == ["你"]
    assert turn.at(2.0, chunk(1, "好")) == ["好"]
    assert turn.at(2.1, END) == []
    assert not turn.answer.complete
    assert turn.at(2.11, summary("你好", 2)) == []
    assert turn.failure is None
    assert turn.trace.anomalies == []
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
    assert turn.trace.anomalies == []


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
    assert turn.trace.anomalies == [Anomaly.HEALED]


def test_an_end_with_a_gap_waits_two_seconds_and_then_sends_what_is_there() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END)
    assert turn.answer.deadline() == 3.0
    assert turn.at(2.999) == []
    assert turn.at(3.0) == ["c"]
    assert turn.failure is None
    assert turn.trace.missing == ((1, 1),)
    assert turn.trace.anomalies == [Anomaly.LOST]
    assert turn.acknowledged == [0, 2]


def test_a_gap_is_healed_by_the_summary_at_once() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END)
    assert turn.at(2.5, summary("abc", 3)) == ["bc"]
    assert (turn.text, turn.failure) == ("abc", None)
    assert turn.trace.anomalies == [Anomaly.HEALED]
    assert turn.acknowledged == [0, 2]


def test_a_gap_that_closes_late_finishes_at_once_when_the_250_ms_are_over() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END)
    assert turn.at(2.0, chunk(1, "b")) == ["b", "c"]
    assert turn.failure is None
    assert turn.trace.anomalies == []


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
    assert turn.trace.anomalies == []


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
    assert turn.trace.anomalies == []


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
    assert turn.trace.anomalies == []


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


# ---- the table of failures ----------------------------------------------------------------------


def test_a_silent_bot_is_apologised_for_after_exactly_the_idle_timeout() -> None:
    turn = Turn(quiet())
    assert turn.answer.deadline() == 60.0
    turn.at(60.0 - MS)
    assert not turn.answer.complete
    turn.at(60.0)
    assert isinstance(turn.failure, BotSilent)


def test_the_idle_clock_starts_when_the_command_is_sent() -> None:
    turn = Turn(quiet(), sent=False)
    turn.at(29.0, PlaceGranted())
    turn.at(89.0 - MS)
    assert not turn.answer.complete
    turn.at(89.0)
    assert isinstance(turn.failure, BotSilent)
    assert turn.trace.sent_at == 29.0


@pytest.mark.parametrize(
    "message",
    [
        chunk(0),
        chunk(None),
        chunk(5),
        chunk(0, ""),
        Status("s"),
    ],
)
def test_any_word_of_this_turn_starts_the_idle_clock_anew(message: TurnMessage) -> None:
    turn = Turn(quiet())
    turn.at(59.0, message)
    assert turn.answer.deadline() == 119.0
    turn.at(119.0 - MS)
    assert not turn.answer.complete
    turn.at(119.0)
    assert isinstance(turn.failure, BotSilent)


def test_a_duplicate_is_a_word_of_this_turn_too() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0))
    turn.at(50.0, chunk(0))
    assert turn.answer.deadline() == 110.0


def test_a_chunk_that_is_dropped_is_a_word_of_this_turn_too() -> None:
    turn = Turn(quiet(), Limits(answer_buffer=1))
    turn.at(30.0, chunk(5, "too big"))
    assert turn.answer.deadline() == 90.0


def test_silence_after_some_text_is_a_time_out_too() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "half an"))
    turn.at(61.0)
    assert isinstance(turn.failure, BotSilent)
    assert turn.text == "half an"


def test_the_idle_clock_stands_still_while_the_link_is_down() -> None:
    turn = Turn(quiet(), sent=False)
    turn.at(10.0, PlaceGranted())
    turn.at(50.0, LinkLost())
    turn.at(65.0, LinkBack())
    assert turn.answer.deadline() == 10.0 + 60.0 + 15.0
    turn.at(85.0 - MS)
    assert not turn.answer.complete
    turn.at(85.0)
    assert isinstance(turn.failure, BotSilent)
    assert turn.trace.resumed == 1


def test_the_idle_clock_stands_still_each_time_the_link_is_down() -> None:
    turn = Turn(quiet())
    for lost in (10.0, 30.0, 50.0):
        turn.at(lost, LinkLost())
        turn.at(lost + 15.0, LinkBack())
    assert turn.answer.deadline() == 60.0 + 45.0
    assert turn.trace.resumed == 3


def test_a_link_that_does_not_come_back_is_offline_after_the_resume_grace() -> None:
    turn = Turn(quiet())
    turn.at(10.0, chunk(0, "half"))
    turn.at(15.0, LinkLost())
    assert turn.answer.deadline() == 35.0
    turn.at(35.0 - MS)
    assert not turn.answer.complete
    turn.at(35.0)
    assert isinstance(turn.failure, BotOffline)
    assert turn.text == "half"


def test_a_link_lost_shortly_before_the_idle_timeout_still_has_its_whole_grace() -> None:
    turn = Turn(quiet())
    turn.at(59.0, LinkLost())
    turn.at(60.0)
    assert not turn.answer.complete
    assert turn.answer.deadline() == 79.0
    turn.at(78.0, LinkBack())
    assert turn.answer.deadline() == 79.0


def test_a_link_lost_twice_without_being_back_is_counted_from_the_first_time() -> None:
    turn = Turn(quiet())
    turn.at(10.0, LinkLost())
    turn.at(20.0, LinkLost())
    assert turn.answer.deadline() == 30.0


def test_a_link_that_comes_back_without_having_been_lost_changes_nothing() -> None:
    turn = Turn(quiet())
    turn.at(30.0, LinkBack())
    assert turn.answer.deadline() == 60.0
    assert turn.trace.resumed == 0


def test_the_summary_on_the_new_link_heals_what_the_break_took() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"))
    turn.at(2.0, LinkLost())
    turn.at(15.0, LinkBack(), chunk(3, "d"), END)
    assert turn.at(15.1, summary("abcd", 4)) == ["bcd"]
    assert turn.failure is None
    assert turn.trace.resumed == 1
    assert turn.trace.missing == ((1, 2),)


def test_an_end_that_comes_before_the_new_links_subscription_is_not_put_off_by_the_break() -> None:
    # An SDK sends the end of the running turn on its new link first, and subscribes then.
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"))
    turn.at(10.0, LinkLost())
    turn.at(25.0, END)
    turn.at(25.125, LinkBack())
    assert turn.answer.deadline() == 25.375


def test_a_chunk_that_comes_before_the_new_links_subscription_puts_no_time_on_the_idle_clock() -> (
    None
):
    turn = Turn(quiet())
    turn.at(10.0, LinkLost())
    turn.at(25.0, chunk(0, "a"))
    turn.at(26.0, LinkBack())
    assert turn.answer.deadline() == 86.0


def test_a_gap_at_the_end_waits_for_the_summary_of_a_bot_that_is_away() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END, LinkLost())
    turn.at(10.0)
    assert not turn.answer.complete
    turn.at(15.0, LinkBack(), summary("abc", 3))
    assert (turn.text, turn.failure) == ("abc", None)


def test_a_gap_at_the_end_of_a_bot_that_stays_away_ends_with_what_is_there() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"), END, LinkLost())
    assert turn.answer.deadline() == 21.0
    turn.at(21.0)
    assert (turn.text, turn.failure) == ("ac", None)
    assert turn.trace.anomalies == [Anomaly.LOST]


def test_a_whole_answer_does_not_wait_for_a_link_that_broke_behind_its_end() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"), END, LinkLost())
    assert turn.answer.deadline() == 1.25
    turn.at(1.25)
    assert turn.failure is None


def test_a_question_that_waits_in_the_queue_too_long_hears_that_the_bot_is_busy() -> None:
    turn = Turn(quiet(), sent=False)
    assert turn.answer.deadline() == 30.0
    turn.at(30.0 - MS)
    assert not turn.answer.complete
    turn.at(30.0)
    assert isinstance(turn.failure, BotBusy)


def test_a_link_that_is_lost_gives_a_waiting_question_no_longer_than_the_queue() -> None:
    turn = Turn(quiet(), sent=False)
    turn.at(25.0, LinkLost())
    assert turn.answer.deadline() == 30.0
    turn.at(30.0)
    assert isinstance(turn.failure, BotBusy)


def test_a_link_that_stays_away_is_offline_for_a_waiting_question_too() -> None:
    turn = Turn(quiet(), sent=False)
    turn.at(5.0, LinkLost())
    assert turn.answer.deadline() == 25.0
    turn.at(25.0)
    assert isinstance(turn.failure, BotOffline)


def test_a_waiting_question_waits_on_for_the_queue_when_the_link_is_back() -> None:
    turn = Turn(quiet(), sent=False)
    turn.at(5.0, LinkLost())
    turn.at(10.0, LinkBack())
    assert turn.answer.deadline() == 30.0


def test_an_error_of_the_bot_fails_at_once_with_what_it_said_kept_for_the_owner() -> None:
    turn = Turn()
    assert turn.at(1.0, StreamError("s", "HTTP 500 from upstream")) == []
    failure = turn.failure
    assert isinstance(failure, BotFailed)
    assert failure.reported
    assert failure.reason is Reason.UNKNOWN
    assert failure.said == "HTTP 500 from upstream"
    assert "HTTP 500" not in str(failure)


def test_the_reason_of_our_connector_is_understood_and_an_invented_one_is_unknown() -> None:
    for word, reason in (("model_busy", Reason.MODEL_BUSY), ("lazy", Reason.UNKNOWN)):
        turn = Turn()
        turn.at(1.0, StreamError("s", "", word))
        assert isinstance(turn.failure, BotFailed)
        assert turn.failure.reason is reason


def test_an_error_after_text_fails_behind_the_text() -> None:
    turn = Turn()
    assert turn.at(1.0, chunk(0, "half"), StreamError("s", "boom")) == ["half"]
    assert isinstance(turn.failure, BotFailed)
    assert turn.acknowledged == [0]


def test_an_error_behind_the_end_takes_nothing_back() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), END, StreamError("s", "boom"))
    assert not turn.answer.complete
    turn.at(1.25)
    assert turn.failure is None


@pytest.mark.parametrize(
    "messages",
    [
        (END,),
        (END, StreamSummary("s", "", 0, "0")),
        (chunk(0, ""), END),
        (chunk(0, " "), chunk(1, "\n"), END),
        (END, END),
    ],
)
def test_an_answer_without_any_text_is_a_failure(messages: Iterable[TurnMessage]) -> None:
    turn = Turn()
    turn.at(1.0, *messages)
    turn.at(1.25)
    failure = turn.failure
    assert isinstance(failure, BotFailed)
    assert failure.reason is Reason.EMPTY_ANSWER
    assert not failure.reported


def test_the_empty_end_of_a_refusing_model_is_a_failure_as_soon_as_its_summary_is_there() -> None:
    turn = Turn()
    turn.at(1.0, END, StreamSummary("s", "", 0, "0"))
    assert isinstance(turn.failure, BotFailed)


def test_an_answer_that_was_lost_whole_is_healed_and_no_failure() -> None:
    turn = Turn()
    assert turn.at(1.0, END, summary("abc", 3)) == ["abc"]
    assert turn.failure is None


def test_the_end_of_the_drain_fails_what_still_runs() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "half"))
    assert turn.at(2.0, DrainOver()) == []
    assert isinstance(turn.failure, GatewayStopping)


@pytest.mark.parametrize(
    "messages",
    [
        (StreamError("s", "boom"), DrainOver(), END, StreamError("s", "again")),
        (DrainOver(), StreamError("s", "boom"), LinkLost(), LinkBack()),
        (END, summary("a", 1), StreamError("s", "boom"), DrainOver()),
    ],
)
def test_the_first_ending_counts_and_nothing_that_comes_behind_changes_it(
    messages: tuple[TurnMessage, ...],
) -> None:
    turn, other = Turn(), Turn()
    for one in (turn, other):
        one.at(1.0, chunk(0, "a"))
    turn.at(1.1, *messages)
    for message in messages:
        other.at(1.1, message)
    for one in (turn, other):
        failure = one.failure
        one.at(200.0, *messages)
        assert one.failure is failure
        assert one.text == "a"
    assert type(turn.failure) is type(other.failure)


# ---- comments -----------------------------------------------------------------------------------


def test_a_comment_is_written_every_seven_seconds_of_silence_until_the_verdict() -> None:
    turn = Turn()
    log = turn.run_until(100.0)
    assert log == [(7.0 * n, KEEP_ALIVE) for n in range(1, 9)]
    assert isinstance(turn.failure, BotSilent)


def test_a_text_puts_the_next_comment_off() -> None:
    turn = Turn()
    turn.at(5.0, chunk(0))
    assert turn.answer.deadline() == 12.0
    assert turn.at(12.0 - MS) == []
    assert turn.at(12.0) == [KEEP_ALIVE]


def test_a_message_that_writes_nothing_puts_no_comment_off() -> None:
    turn = Turn()
    turn.at(5.0, chunk(3), Status("s"))
    assert turn.answer.deadline() == 7.0
    assert turn.at(7.0, chunk(2)) == [KEEP_ALIVE]


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
    assert turn.trace.anomalies == [Anomaly.LOST]


def test_a_hole_in_an_answer_that_fell_silent_is_recorded_too() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "a"), chunk(2, "c"))
    assert turn.at(61.0) == []
    assert turn.text == "a"
    assert turn.trace.missing == ((1, 1),)
    assert turn.trace.anomalies == [Anomaly.LOST]


def test_a_failed_answer_without_a_hole_has_no_anomaly() -> None:
    turn = Turn()
    turn.at(1.0, chunk(0, "a"), StreamError("s", "boom"))
    assert (turn.trace.missing, turn.trace.anomalies) == ((), [])


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
