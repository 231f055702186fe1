"""How an answer fails: each row of the table, at its very moment."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from turn_by_hand import END, MS, Turn, chunk, quiet, summary

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.turn_messages import (
    DrainOver,
    LinkBack,
    LinkLost,
    PlaceGranted,
    QueuedOut,
    TurnMessage,
    lose_link,
)
from eyeclaw_trio.errors import BotBusy, BotFailed, BotOffline, BotSilent, GatewayStopping, Reason
from eyeclaw_trio.protocol.bot import Status, StreamError, StreamSummary


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


def test_one_of_many_that_have_lost_their_link_is_given_up_a_little_later() -> None:
    turn = Turn(quiet())
    turn.at(10.0, chunk(0, "half"))
    turn.at(15.0, LinkLost(0.5))
    assert turn.answer.deadline() == 35.5
    turn.at(20.0, LinkBack())  # and does not go on with it
    assert turn.answer.deadline() == 40.5
    turn.at(40.5 - MS)
    assert not turn.answer.complete
    turn.at(40.5)
    assert isinstance(turn.failure, BotOffline)


@pytest.mark.parametrize("turns", [0, 1, 16, 17, 900, 10_000])
def test_of_many_turns_that_lose_their_link_few_are_given_up_in_one_instant(turns: int) -> None:
    later = [lost.later for lost in lose_link(turns)]
    assert len(later) == turns
    assert later == sorted(later)
    assert later[:16] == [0.0] * min(16, turns)
    assert all(0.0 < each <= 0.9 for each in later[16:])
    assert len(set(later[16:])) == len(later[16:])


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
    assert turn.trace.anomalies == (Anomaly.LOST,)


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


def test_a_turn_that_leaves_the_queue_for_another_says_that_its_bot_is_busy() -> None:
    turn = Turn(sent=False)
    assert turn.at(1.0, QueuedOut("trace_1")) == []
    assert isinstance(turn.answer.failure, BotBusy)
    assert turn.answer.failure.held_by == "trace_1"
