"""What is remembered of wearers: their own words, in the conversation that they belong to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core import conversation
from eyeclaw_trio.core.beginnings import Beginning, Context, name_context
from eyeclaw_trio.core.conversation import Exchange
from eyeclaw_trio.core.memory import WEARER, Memory, Thread

CLOCK = 1_700


def context_of(user_id: str | None = "u1", bot_id: int = 1) -> Context:
    return name_context(bot_id, "shared", named=None, user_id=user_id, message_id="m")


class Talk:
    """One wearer who speaks with a bot, at a clock of their own."""

    def __init__(self, memory: Memory, context: Context, forget_after: float = 0.0) -> None:
        self.memory, self.context, self.forget_after = memory, context, forget_after

    def heard(self, now: float = 0.0) -> tuple[Exchange, ...]:
        recalled = self.memory.recall(self.context, self.forget_after, now, CLOCK)
        return self.memory.history(recalled.thread, now)

    def say(self, question: str, answer: str, now: float = 0.0) -> tuple[Exchange, ...]:
        """Ask, and be answered; returns the history that the question came with."""
        thread = self.memory.recall(self.context, self.forget_after, now, CLOCK).thread
        before = self.memory.history(thread, now)
        exchange = self.memory.ask(self.context, thread, question)
        exchange.add(answer)
        self.memory.answered(self.context, thread, exchange, now)
        return before


def test_a_question_finds_what_was_said_before_it() -> None:
    talk = Talk(Memory(), context_of())
    assert talk.say("一", "甲") == ()
    assert talk.say("二", "乙") == (Exchange("一", "甲"),)
    assert talk.heard() == (Exchange("一", "甲"), Exchange("二", "乙"))


def test_nobody_finds_what_somebody_else_has_said_even_where_the_bot_is_shared() -> None:
    memory = Memory()
    Talk(memory, context_of("u1")).say("秘密", "知道了")
    assert Talk(memory, context_of("u2")).heard() == ()
    assert Talk(memory, context_of(None)).heard() == ()
    assert Talk(memory, context_of("u1", bot_id=2)).heard() == ()


def test_a_question_that_is_still_being_answered_is_found_by_the_next() -> None:
    memory, context = Memory(), context_of()
    first = memory.recall(context, 0.0, 0.0, CLOCK)
    asked = memory.ask(context, first.thread, "帮我看看这是什么")
    talk = Talk(memory, context)
    assert talk.heard() == (Exchange("帮我看看这是什么", ""),)
    asked.add("我来")
    asked.add("拍照。")
    assert talk.heard() == (Exchange("帮我看看这是什么", "我来拍照。"),)
    memory.answered(context, first.thread, asked, 1.0)
    assert talk.heard() == (Exchange("帮我看看这是什么", "我来拍照。"),)


def test_a_question_without_an_answer_is_forgotten_unless_the_glasses_were_told_to_act() -> None:
    memory, context = Memory(), context_of()
    for has_acted in (False, True):
        recalled = memory.recall(context, 0.0, 0.0, CLOCK)
        asked = memory.ask(context, recalled.thread, "拍照")
        asked.has_acted = has_acted
        asked.add(" ")
        memory.answered(context, recalled.thread, asked, 0.0)
        assert len(Talk(memory, context).heard()) == has_acted


def test_silence_begins_a_new_conversation_where_that_is_wanted() -> None:
    talk = Talk(Memory(), context_of(), forget_after=60.0)
    talk.say("一", "甲", now=0.0)
    assert talk.say("二", "乙", now=60.0) == (Exchange("一", "甲"),)
    before = talk.memory.recall(talk.context, 60.0, 61.0, CLOCK)
    assert before.beginning is None
    after = talk.memory.recall(talk.context, 60.0, 122.0, CLOCK)
    assert talk.memory.history(after.thread, 122.0) == ()
    assert after.beginning == Beginning(CLOCK, 1, name="bot_1")
    assert after.thread.name != before.thread.name


def test_the_answer_s_end_is_no_silence() -> None:
    memory, context = Memory(), context_of()
    recalled = memory.recall(context, 60.0, 0.0, CLOCK)
    asked = memory.ask(context, recalled.thread, "讲个长故事")
    asked.add("从前")
    memory.answered(context, recalled.thread, asked, 100.0)
    assert Talk(memory, context, 60.0).heard(now=150.0) == (Exchange("讲个长故事", "从前"),)


def test_a_new_chat_forgets_what_was_said_also_what_is_being_answered() -> None:
    memory, context = Memory(), context_of()
    talk = Talk(memory, context)
    talk.say("一", "甲")
    open_one = memory.recall(context, 0.0, 0.0, CLOCK)
    asked = memory.ask(context, open_one.thread, "二")
    memory.begin_anew(context, CLOCK)
    assert talk.heard() == ()
    asked.add("太晚")
    assert memory.answered(context, open_one.thread, asked, 0.0) is None
    assert talk.heard() == ()


def test_a_bot_with_too_many_conversations_has_only_its_own_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "KEPT_CONVERSATIONS", 3)
    memory = Memory()
    modest = Talk(memory, context_of("me", 2))
    modest.say("一", "甲")
    crowd = [Talk(memory, context_of(f"u{number}", 1)) for number in range(9)]
    for each in crowd:
        each.say("二", "乙")
    assert len(modest.heard()) == 1
    assert [len(each.heard()) for each in crowd] == [0] * 7 + [1, 1]


def test_a_wearer_with_too_many_conversations_has_only_his_own_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "KEPT_CONVERSATIONS", 3)
    memory = Memory()
    modest = Talk(memory, context_of("me"))
    modest.say("一", "甲")
    crowd = [
        Talk(
            memory,
            name_context(1, "per_conversation", named=None, user_id="you", message_id=f"m{number}"),
        )
        for number in range(9)
    ]
    for each in crowd:
        each.say("二", "乙")
    assert len(modest.heard()) == 1
    assert [len(each.heard()) for each in crowd] == [0] * 7 + [1, 1]


def test_what_another_process_has_forgotten_is_forgotten_here() -> None:
    memory = Memory()
    one, other = Talk(memory, context_of()), Talk(memory, context_of(bot_id=2))
    one.say("一", "甲")
    other.say("二", "乙")
    memory.take([Beginning(CLOCK, bot_id=1)])
    assert one.heard() == ()
    assert len(other.heard()) == 1


def test_what_was_kept_on_disk_comes_back_unless_it_was_left_behind() -> None:
    memory, context = Memory(), context_of()
    memory.take([Beginning(CLOCK, 1, name="bot_1")])
    now = Thread(1, "u1", f"bot_1_since_{CLOCK}")
    memory.restore(context, Thread(1, "u1", "bot_1"), Exchange("旧", "旧"), 0.0)
    memory.restore(context, now, Exchange("一", "甲"), 0.0)
    assert Talk(memory, context).heard() == (Exchange("一", "甲"),)


@given(
    st.lists(st.tuples(st.text(max_size=2_000), st.text(min_size=1, max_size=2_000)), max_size=30)
)
def test_a_history_is_the_end_of_what_was_said_and_bounded(said: list[tuple[str, str]]) -> None:
    talk = Talk(Memory(), context_of())
    for question, answer in said:
        talk.say(question, answer)
    history = talk.heard()
    kept = [Exchange(question, answer) for question, answer in said if answer.strip()]
    assert list(history) == kept[len(kept) - len(history) :]
    assert len(history) <= WEARER.turns
    assert sum(each.size for each in history) <= WEARER.size
