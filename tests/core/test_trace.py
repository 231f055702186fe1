"""What is remembered of a turn: counts, and the first word about its end."""

from __future__ import annotations

from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Outcome, Trace


def a_trace() -> Trace:
    return Trace("trace_1", "turn", 1, 0.0)


def test_the_first_word_about_the_end_counts() -> None:
    trace = a_trace()
    trace.end(Outcome.BOT_ERROR, reason="model_busy", said="429")
    trace.end(Outcome.CANCELLED, reason="later", said="later")
    assert (trace.outcome, trace.reason, trace.said) == (Outcome.BOT_ERROR, "model_busy", "429")


def test_what_is_missing_is_counted_over_all_ranges() -> None:
    trace = a_trace()
    assert trace.missing_count == 0
    trace.missing = ((0, 0), (3, 5))
    assert trace.missing_count == 4


def test_what_was_wrong_with_one_turn_was_not_with_another() -> None:
    trace, other = a_trace(), a_trace()
    trace.anomalies += (Anomaly.LOST,)
    assert other.anomalies == ()


def test_of_each_write_its_time_its_size_and_its_delay_are_kept() -> None:
    trace = a_trace()
    trace.note_written(2.0, 1.5, ["a", "b"])
    trace.note_written(3.0, 2.75, ["c"])
    assert trace.write_times.tolist() == [2.0, 3.0]
    assert trace.write_sizes.tolist() == [2, 1]
    assert trace.relay_delays.tolist() == [0.5, 0.25]


def test_the_outcomes_are_the_words_of_the_contract() -> None:
    assert {outcome.value for outcome in Outcome} == {
        "answered",
        "offline",
        "timeout",
        "bot_error",
        "cancelled",
        "slow_reader",
        "rejected",
        "interrupted",
        "late",
    }
