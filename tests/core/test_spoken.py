"""What may be said of an answer: markdown and thinking out, by choice emoji, and the end."""

from __future__ import annotations

from collections.abc import Sequence

import emoji
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken_corpus import CORPUS

from eyeclaw_trio.core.emoji import WithoutEmoji
from eyeclaw_trio.core.sentences import SENTENCE, Shortened
from eyeclaw_trio.core.spoken import HELD, Speech

CLEAN = Speech(is_clean=True)
ALL = Speech(is_clean=True, emoji=False, longest=60)
PARTS = (
    *("<think>", "</think>", "<thinking>", "</thinking>", "<", "think", ">", "/", "a", "好", "\n"),
    *(
        "**",
        "`",
        "```",
        " ",
        "。",
        "！",
        ".",
        "”",
        "😀",
        "❤️",
        "1️⃣",
        "👩‍👩‍👧",
        "\u200d",
        "\ufe0f",
        "☎",
        "🇨🇳",
    ),
)


def say(text: str, speech: Speech = CLEAN, lengths: Sequence[int] = ()) -> str:
    spoken = speech.begin()
    assert spoken is not None
    said: list[str] = []
    at = 0
    for length in [*lengths, len(text)]:
        said.append(spoken.feed(text[at : at + length]))
        at += length
    return "".join(said) + spoken.finish()


def test_as_it_is_there_is_no_filter_at_all() -> None:
    assert Speech().begin() is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>想一想 **a\n\n```</think>\n\n好的。", "好的。"),
        ("好，<think>再想</think>行。", "好，行。"),
        ("<thinking>x</thinking>行", "行"),
        ("<THINK>x</THINK>行", "行"),
        ("<think>没有结束", ""),
        ("想完了</think>行", "想完了行"),
        ("`<think>` 是一个标签", "<think> 是一个标签"),
        ("```\n<think>\n```\n好", "<think>\n好"),
        ("a <thinner> b < think", "a  b < think"),
        ("<think>a</think><think>b</think>c", "c"),
        ("<think><b></think>c", "c"),
        ("行\n<think>a</think>\n好", "行\n\n好"),
    ],
)
def test_thinking_is_never_said_wherever_it_is_split(text: str, said: str) -> None:
    for place in range(len(text) + 1):
        assert say(text, lengths=[place]) == said
    assert say(text, lengths=[1] * len(text)) == said


def test_thinking_of_any_length_is_held_nowhere() -> None:
    spoken = CLEAN.begin()
    assert spoken is not None
    spoken.feed("<think>")
    for _ in range(1000):
        assert spoken.feed("想" * 1000) == ""
    assert spoken.feed("</think>好") == "好"


@settings(max_examples=400)
@given(
    text=st.lists(st.sampled_from(PARTS), max_size=30).map("".join),
    lengths=st.lists(st.integers(1, 4), max_size=60),
)
def test_however_it_is_cut_the_same_is_said(text: str, lengths: list[int]) -> None:
    for speech in (CLEAN, ALL):
        assert say(text, speech, lengths) == say(text, speech)


@settings(max_examples=200)
@given(text=st.lists(st.sampled_from(PARTS), max_size=30).map("".join))
def test_what_is_held_is_bounded(text: str) -> None:
    spoken = CLEAN.begin()
    assert spoken is not None
    spoken.feed(text + "</think>")
    said = spoken.feed("字" * (HELD + 40))
    assert said.count("字") >= 40


def test_no_emoji_is_left_of_any_that_there_is() -> None:
    for picture in emoji.EMOJI_DATA:
        status = emoji.EMOJI_DATA[picture]["status"]
        if status != emoji.STATUS["fully_qualified"]:
            continue
        kept = picture[0] if picture[0] in "0123456789#*" else ""
        for pieces in ([picture], list(picture)):
            without = WithoutEmoji()
            said = "".join(without.feed(each) for each in ["好", *pieces, "的"])
            assert said + without.finish() == f"好{kept}的", picture


@pytest.mark.parametrize("text", ["©2026 ™", "电话☎ 5", "a→b ↔ c", "♂♀", "ab\u200dc", "①②", "☎"])
def test_signs_that_are_no_pictures_stay_without_emoji_too(text: str) -> None:
    without = WithoutEmoji()
    assert without.feed(text) + without.finish() == text


@pytest.mark.parametrize("text", CORPUS)
def test_emoji_stay_where_they_are_wanted(text: str) -> None:
    assert say("好😀👍\n\n" + text) == "好😀👍\n\n" + say(text)


def shorten(text: str, longest: int, length: int) -> str:
    short = Shortened(longest)
    pieces = [text[at : at + length] for at in range(0, len(text), length)]
    return "".join(map(short.feed, pieces)) + short.finish()


@pytest.mark.parametrize("length", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "longest", "said"),
    [
        ("一二三。四五六。", 8, "一二三。四五六。"),
        ("一二三。四五六。", 7, "一二三。"),
        ("他说“好！”然后走了。", 7, "他说“好！”"),
        ("Pi is 3.14159. Yes.", 16, "Pi is 3.14159."),
        ("Pi is 3.14159. Yes.", 8, "Pi is"),
        ("一二三四五六，七八九十", 9, "一二三四五六"),
        ("一二三四五六七八九十", 5, "一二三四五"),
        ("一项\n二项\n三项\n", 7, "一项\n二项\n"),
    ],
)
def test_a_long_answer_ends_at_a_sentence(text: str, longest: int, said: str, length: int) -> None:
    assert shorten(text, longest, length) == said


def test_nothing_waits_while_the_end_is_far_away() -> None:
    short = Shortened(3 * SENTENCE)
    assert short.feed("一二三") == "一二三"


@settings(max_examples=300)
@given(
    text=st.text("ab。！.? \n”，3", max_size=80),
    longest=st.integers(1, 60),
    lengths=st.integers(1, 9),
)
def test_never_more_is_said_than_the_longest(text: str, longest: int, lengths: int) -> None:
    said = shorten(text, longest, lengths)
    assert len(said) <= longest
    assert text.startswith(said)
    assert said == shorten(text, longest, 1000)
    if len(text) <= longest:
        assert said == text
