"""An answer on its way to its reader: cleaned, with device actions and follow-ups beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from turn_by_hand import END, MS, Turn, chunk, quiet, summary

from eyeclaw_trio.core.actions import COMMANDS
from eyeclaw_trio.core.manners import BotManners
from eyeclaw_trio.core.reply_events import DeviceAction, FollowUps, KeepAlive
from eyeclaw_trio.core.spoken import Speech
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.core.trace_analysis import analyse
from eyeclaw_trio.core.turn_messages import DrainOver
from eyeclaw_trio.core.voice import Manner
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.errors import BotFailed, Reason
from eyeclaw_trio.protocol.bot import StreamError, StreamFollowUp, StreamToolCall

CLEAN = Manner(Speech(is_clean=True), tuple(COMMANDS), 3)
PHOTO = StreamToolCall("s", {"command": "take_photo"})
TAKE_PHOTO = DeviceAction("take_photo", {})


def clean() -> Turn:
    return Turn(quiet(), manner=CLEAN)


def kinds(turn: Turn) -> list[str]:
    return [event.kind.value for event in turn.trace.events]


def test_a_chunk_that_is_held_or_swallowed_is_acknowledged_once_the_filter_has_it() -> None:
    turn = clean()
    assert turn.at(0.1, chunk(0, "**重")) == []
    assert turn.acknowledged == [0]
    assert turn.at(0.2, chunk(1, "点**")) == []
    assert turn.at(0.3, chunk(2, "好")) == ["重点好"]
    assert turn.at(0.4, chunk(3, "<think>想")) == []
    assert turn.acknowledged == [0, 1, 2, 3]


def test_a_chunk_behind_a_gap_is_acknowledged_when_its_turn_comes() -> None:
    turn = clean()
    assert turn.at(0.1, chunk(1, "好")) == []
    assert turn.acknowledged == []
    assert turn.at(0.2, chunk(0, "**你")) == []
    assert turn.acknowledged == [0, 1]


def test_what_is_held_is_said_at_the_end_and_before_an_apology() -> None:
    turn = clean()
    turn.at(0.1, chunk(0, "5 *起"))
    assert turn.at(0.2, END, summary("5 *起", 1)) == ["*起"]
    assert turn.failure is None
    turn = clean()
    turn.at(0.1, chunk(0, "5 *起"))
    assert turn.at(0.2, StreamError("s", "x")) == ["*起"]
    assert isinstance(turn.failure, BotFailed)
    turn = clean()
    turn.at(0.1, chunk(0, "5 *起"))
    assert turn.at(0.2, DrainOver()) == ["*起"]


def test_cleaning_is_never_taken_for_loss() -> None:
    turn = clean()
    text = "<think>想</think>**你**好"
    turn.at(0.1, *(chunk(place, each) for place, each in enumerate(text)))
    turn.at(0.2, END, summary(text, len(text)))
    turn.trace.end(Outcome.ANSWERED)
    record = analyse(turn.trace, datetime.now(UTC))
    assert turn.text == "你好"
    assert (record.status, record.anomalies) == ("completed", ())
    assert turn.trace.speech is not None
    assert turn.trace.speech.let_through == turn.trace.speech.written == 2


def test_what_may_be_said_and_was_not_written_is_an_anomaly() -> None:
    turn = clean()
    turn.at(0.1, chunk(0, "你好"))
    turn.at(0.2, END, summary("你好", 1))
    turn.trace.end(Outcome.ANSWERED)
    assert turn.trace.speech is not None
    turn.trace.speech.written -= 1
    record = analyse(turn.trace, datetime.now(UTC))
    assert (record.status, record.anomalies) == ("anomaly", ("unwritten",))


def test_the_cure_of_a_gap_goes_through_the_filter_too() -> None:
    turn = clean()
    turn.at(0.1, chunk(0, "**你"), chunk(2, "吗"))
    turn.at(0.2, END, summary("**你好**吗", 3))
    assert turn.text == "你好吗"


def test_thinking_alone_is_no_answer_and_shows_a_sign_of_life_as_silence_does() -> None:
    turn = Turn(manner=CLEAN)
    turn.at(0.1, chunk(0, "<think>"))
    assert turn.at(7.0, chunk(1, "想")) == [KeepAlive(is_early=True)]
    turn.at(7.1, END, summary("<think>想", 2))
    assert isinstance(turn.failure, BotFailed)
    assert turn.failure.reason is Reason.EMPTY_ANSWER


def test_an_action_goes_out_before_any_further_text_even_before_what_is_held() -> None:
    turn = clean()
    turn.at(0.1, chunk(0, "好，**看"))
    assert turn.at(0.2, PHOTO, chunk(1, "看**吧")) == [TAKE_PHOTO, "看看吧"]
    assert "action_sent" in kinds(turn)


def test_an_action_alone_is_an_answer() -> None:
    turn = clean()
    assert turn.at(0.1, PHOTO) == [TAKE_PHOTO]
    assert turn.at(0.2, END, summary("", 0)) == []
    assert turn.failure is None


@pytest.mark.parametrize(
    "call", [{}, {"command": "take_video"}, {"command": "take_photo", "zoom": 1}]
)
def test_what_cannot_be_done_stands_in_the_trace_and_nobody_hears_of_it(
    call: dict[str, object],
) -> None:
    turn = clean()
    assert turn.at(0.1, StreamToolCall("s", call), chunk(0, "好")) == ["好"]
    refused = next(each for each in turn.trace.events if each.kind.value == "action_refused")
    assert refused.data["command"] == call.get("command")
    turn.at(0.2, END, summary("好", 1))
    assert turn.failure is None


def test_an_action_that_is_not_switched_on_is_not_done() -> None:
    turn = Turn(quiet(), manner=Manner(actions=("notify_agent_off",)))
    assert turn.at(0.1, PHOTO) == []
    turn.at(0.2, END, summary("", 0))
    assert isinstance(turn.failure, BotFailed)


def test_there_is_one_action_in_a_turn() -> None:
    turn = clean()
    assert turn.at(0.1, PHOTO, PHOTO) == [TAKE_PHOTO]
    assert kinds(turn).count("action_refused") == 1


def test_follow_ups_come_behind_the_whole_text_and_the_last_word_counts() -> None:
    turn = clean()
    turn.at(0.1, StreamFollowUp("s", ("甲？",)), chunk(0, "好，**看"))
    offered = StreamFollowUp("s", ("乙？", "丙？", "丁？", "戊？"))
    assert turn.at(0.2, offered, END, summary("好，**看", 1)) == [
        "**看",
        FollowUps(("乙？", "丙？", "丁？")),
    ]


def test_a_failed_answer_has_no_follow_ups() -> None:
    turn = clean()
    turn.at(0.1, chunk(0, "好"), StreamFollowUp("s", ("甲？",)))
    assert turn.at(0.2, StreamError("s", "x")) == []


def test_a_bot_that_asks_for_an_action_is_not_silent() -> None:
    turn = Turn(manner=CLEAN)
    turn.at(59.0, PHOTO)
    turn.run_until(100.0, start=59.0)
    assert not turn.answer.complete


def test_only_who_wears_glasses_is_told_to_do_something() -> None:
    wearer = WearerSettings(actions=("take_photo",), follow_ups=2, emoji=False, longest=9)
    manners = BotManners(wearer=wearer, speaks_clean=True)
    speech = Speech(is_clean=True, emoji=False, longest=9)
    company = manners.for_source("rokid").company
    assert manners.for_source("rokid") == Manner(speech, ("take_photo",), 2, company)
    assert manners.for_source("trigger") == Manner(speech, company=company)
    for source in ("chat", "openai"):
        assert manners.for_source(source) == Manner(speech)
    assert not BotManners().for_source("rokid").speech.is_clean


def test_text_as_it_is_has_no_count_of_its_own() -> None:
    turn = Turn(quiet())
    assert turn.at(MS, chunk(0, "**你**")) == ["**你**"]
    assert turn.trace.speech is None
