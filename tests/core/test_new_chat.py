"""A new conversation begins when somebody asks for just that, and never in the middle of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.new_chat import asks_for_new_chat

ASKING = ["新对话", "new chat"]


@pytest.mark.parametrize(
    "question",
    [
        *ASKING,
        "新对话。",
        " 新对话！ ",
        "新 对话",
        "New chat.",
        "NEW CHAT?!",
        "new  chat …",
        "新对话。。。",
    ],
)
def test_the_whole_question_asks_for_it(question: str) -> None:
    assert asks_for_new_chat(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "。",
        "对话",
        "新的对话",
        "我们昨天的新对话说了什么",
        "新对话是什么意思",
        "开始新对话",
        "“新对话”",
        "a new chat",
        "new chat please",
        "new chats",
        "new chat" + " " * 100 + "x",
        "[图片] https://images.example/x.jpg 新对话",
    ],
)
def test_a_question_that_holds_the_words_is_a_question(question: str) -> None:
    assert not asks_for_new_chat(question)


@given(
    st.sampled_from(ASKING),
    st.text(alphabet=" \t\n\u3000", max_size=5),
    st.text(alphabet=" 。，！？.,!?…~、；", max_size=5).filter(lambda text: "~" not in text),
)
def test_spaces_around_it_and_punctuation_behind_it_change_nothing(
    asked: str, before: str, behind: str
) -> None:
    assert asks_for_new_chat(before + asked + behind)


@given(
    st.sampled_from(ASKING),
    st.text(min_size=1).filter(lambda text: any(each.isalnum() for each in text)),
    st.booleans(),
)
def test_one_letter_or_digit_more_makes_it_a_question(
    asked: str, more: str, is_before: bool
) -> None:
    assert not asks_for_new_chat(more + asked if is_before else asked + more)
