"""What is remembered of a turn: counts, and the first word about its end."""

from __future__ import annotations

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


def test_two_traces_share_no_list_of_anomalies() -> None:
    assert a_trace().anomalies is not a_trace().anomalies


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
