"""A bot that has linked anew: it goes on, or is given up sooner than a silent one.

Times are plain numbers. Durations are those of the protocol: 60 s idle, 20 s to resume.
"""

from __future__ import annotations

import pytest
from turn_by_hand import MS, Turn, chunk, quiet, summary

from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.turn_messages import (
    EarlierWords,
    LinkBack,
    LinkLost,
    LinkReplaced,
    TurnMessage,
)
from eyeclaw_trio.errors import BotFailed, BotOffline, BotSilent
from eyeclaw_trio.protocol.bot import Status, StreamEnd


@pytest.mark.parametrize("word", [chunk(0, "half"), chunk(3), Status("s")])
def test_a_turn_that_had_spoken_waits_only_the_resume_grace_when_its_link_is_back(
    word: TurnMessage,
) -> None:
    turn = Turn(quiet())
    turn.at(10.0, word)
    turn.at(15.0, LinkLost())
    turn.at(18.0, LinkBack())
    assert turn.answer.deadline() == 38.0
    turn.at(38.0 - MS)
    assert not turn.answer.complete
    turn.at(38.0)
    assert isinstance(turn.failure, BotOffline)


def test_a_word_after_the_link_is_back_ends_the_doubt() -> None:
    turn = Turn(quiet())
    turn.at(10.0, chunk(0))
    turn.at(15.0, LinkLost())
    turn.at(18.0, LinkBack())
    turn.at(18.0, chunk(1))
    assert turn.answer.deadline() == 78.0
    turn.at(78.0)
    assert isinstance(turn.failure, BotSilent)


def test_a_bot_that_speaks_on_its_new_link_before_it_subscribes_is_not_doubted() -> None:
    turn = Turn(quiet())
    turn.at(10.0, chunk(0))
    turn.at(15.0, LinkLost())
    turn.at(18.0, chunk(1))
    turn.at(19.0, LinkBack())
    assert turn.answer.deadline() == 79.0


def test_a_turn_that_had_not_spoken_keeps_its_idle_time_when_its_link_is_back() -> None:
    turn = Turn(quiet())
    turn.at(15.0, LinkLost())
    turn.at(18.0, LinkBack())
    assert turn.answer.deadline() == 63.0


def test_a_link_that_was_replaced_is_doubted_as_one_that_came_back() -> None:
    turn = Turn(quiet())
    turn.at(10.0, chunk(0))
    turn.at(18.0, LinkReplaced())
    assert turn.answer.deadline() == 38.0
    turn.at(38.0)
    assert isinstance(turn.failure, BotOffline)


def test_a_doubted_turn_never_waits_longer_than_the_idle_time() -> None:
    turn = Turn(quiet())
    turn.at(10.0, chunk(0))
    turn.at(65.0, LinkReplaced())
    assert turn.answer.deadline() == 70.0
    turn.at(70.0)
    assert isinstance(turn.failure, BotSilent)


# ---- what a bot repeats of earlier turns --------------------------------------------------------


def test_an_earlier_failed_answer_at_the_summarys_front_is_not_spoken_again() -> None:
    turn = Turn(quiet())
    turn.at(1.0, LinkLost())
    turn.at(2.0, LinkBack(), StreamEnd("s"), EarlierWords(3), summary("旧答案新答案", 2))
    assert turn.text == "新答案"
    assert Anomaly.CONTRADICTION not in turn.trace.anomalies


def test_a_gap_behind_an_earlier_failed_answer_heals() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "新"), chunk(2, "案"), StreamEnd("s"))
    turn.at(2.0, EarlierWords(3), summary("旧答案新答案", 3))
    assert turn.text == "新答案"
    assert turn.trace.anomalies == (Anomaly.HEALED,)


def test_an_answer_that_begins_with_the_words_of_a_failed_one_loses_nothing() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "你好"), chunk(2, "的人"), StreamEnd("s"))
    turn.at(2.0, EarlierWords(2), summary("你好，我是你的人", 3))
    assert turn.text == "你好，我是你的人"
    assert turn.trace.anomalies == (Anomaly.HEALED,)


def test_an_answer_that_is_word_for_word_one_that_failed_is_spoken() -> None:
    turn = Turn(quiet())
    turn.at(1.0, StreamEnd("s"), EarlierWords(2), summary("你好", 1))
    assert turn.text == "你好"


def test_a_whole_answer_behind_an_earlier_failed_one_is_no_contradiction() -> None:
    turn = Turn(quiet())
    turn.at(1.0, chunk(0, "新"), StreamEnd("s"), EarlierWords(2), summary("旧的新", 1))
    assert turn.text == "新"
    assert turn.trace.anomalies == ()


def test_a_bot_that_says_nothing_but_its_earlier_words_has_said_nothing() -> None:
    for total in (0, None):
        turn = Turn(quiet())
        turn.at(1.0, StreamEnd("s"), EarlierWords(2), summary("旧的", total))
        assert turn.text == ""
        assert isinstance(turn.failure, BotFailed)
