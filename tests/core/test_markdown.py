"""Markdown out of a stream: markdown-it-py is the judge of what a reader sees."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_judge import read
from spoken_corpus import CORPUS, HEARD_TABLE, TABLE

from eyeclaw_trio.core.markdown import LONGEST_HELD, Markdown

INLINE: Final = (
    *("a", "b", "1", " ", "\n", ".", "c", "x", "你", "，", "“", "”", "！"),
    *("*", "*", "**", "**", "_", "__", "`", "``", "[", "]", "(", ")", "](u)", "![图](u)"),
    *("\\", "<", "<b>", "</b>", "&amp;", "!", '"', "http://x.y", "__x__.y"),
)
BLOCKS: Final = (
    *("a", "b", "x", "12", "你好", "。", " ", "  ", "    ", "\n", "\n", "\n", "\n\n"),
    *("*", "**", "_", "`", "```", "~~~", "```py\n", "\n```\n", "#", "## ", "---", "===", ">"),
    *("- ", "-", "+ ", "1. ", "2) ", "> "),
)
TABLES: Final = (*BLOCKS, "|", "| a | b |\n|---|---|\n", "\n| c | d |\n", "\\|", "|-|\n")


def whole(text: str) -> str:
    return cut(text, [])


def cut(text: str, lengths: Sequence[int]) -> str:
    markdown = Markdown()
    said: list[str] = []
    at = 0
    for length in [*lengths, len(text)]:
        said.append(markdown.feed(text[at : at + length]))
        at += length
    return "".join(said) + markdown.finish()


def texts(parts: Sequence[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(parts), max_size=24).map("".join)


def cuts() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, 5), max_size=60)


@pytest.mark.parametrize("text", CORPUS)
def test_a_reader_s_text_is_what_comes_out(text: str) -> None:
    assert whole(text).split() == read(text)


@pytest.mark.parametrize("text", [*CORPUS, TABLE])
def test_it_is_the_same_for_every_cut_in_two_and_for_single_characters(text: str) -> None:
    expected = whole(text)
    for place in range(len(text)):
        assert cut(text, [place]) == expected
    assert cut(text, [1] * len(text)) == expected


@settings(max_examples=600)
@given(text=texts(INLINE), lengths=cuts())
@example(text="\\___x__.y", lengths=[1])
def test_any_text_within_a_paragraph_comes_out_as_a_reader_sees_it(
    text: str, lengths: list[int]
) -> None:
    text = "x" + text.replace("\n", "\nx")  # nothing that begins a block
    said = whole(text)
    assert cut(text, lengths) == said
    if "](u)" not in text:  # markdown-it sees an edge where a link's text ends, others do not
        assert said.split() == read(text)


@settings(max_examples=600)
@given(text=texts(BLOCKS), lengths=cuts())
def test_any_blocks_come_out_as_a_reader_sees_them(text: str, lengths: list[int]) -> None:
    said = whole(text)
    assert cut(text, lengths) == said
    if "    " not in text:  # markdown-it takes a quote's sign also where it is indented as code
        assert said.split() == read(text)


@settings(max_examples=400)
@given(text=texts((*TABLES, *INLINE, "\t", "\r")), lengths=cuts())
def test_however_a_text_is_cut_it_comes_out_the_same(text: str, lengths: list[int]) -> None:
    assert cut(text, lengths) == whole(text)


def test_a_long_text_is_the_same_for_any_cuts_too() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(20):
        text = "".join(chance.choices((*TABLES, *INLINE, "x" * 150, " " * 90), k=200))
        lengths = [chance.randint(1, 400) for _ in range(len(text))]
        assert cut(text, lengths) == cut(text, [1] * len(text)) == whole(text)


def test_a_table_is_heard_as_its_cells_with_commas_between_them() -> None:
    assert whole(TABLE) == HEARD_TABLE
    assert whole("| a | b |\n|---|---|\n| c \\| d | e |\n").splitlines() == ["a, b", "c | d, e"]


def test_bars_that_are_no_table_stay() -> None:
    assert whole("|x| 是绝对值\n|y| 也是\n") == "|x| 是绝对值\n|y| 也是\n"
    assert whole("| a | b |\n|---|\n") == "| a | b |\n|---|\n"


def test_numbers_of_a_list_stay_because_a_reader_sees_them() -> None:
    assert whole("1. 打开\n2. 关上\n") == "1. 打开\n2. 关上\n"
    assert whole("- 打开\n  - 灯\n") == "打开\n  灯\n"


PLAIN: Final = "abz 你好，。！？\"'.:;()0123456789/@$%^{}~|#+-=>\t"


@settings(max_examples=300)
@given(
    lines=st.lists(st.text(PLAIN, max_size=40).map(lambda line: "语" + line), max_size=6),
    lengths=cuts(),
)
def test_text_without_markers_passes_untouched_and_undelayed(
    lines: list[str], lengths: list[int]
) -> None:
    text = "\n\n".join(lines)
    markdown = Markdown()
    at = 0
    for length in [*lengths, len(text)]:
        piece = text[at : at + length]
        assert markdown.feed(piece) == piece
        at += length
    assert markdown.finish() == ""


@settings(max_examples=400)
@given(text=texts((*TABLES, *INLINE, "<a ", "![", "[a](", "&am", "__x")))
def test_never_more_is_held_than_promised(text: str) -> None:
    markdown = Markdown()
    markdown.feed(text)
    said = markdown.feed("字" * (LONGEST_HELD + 40))
    assert said.count("字") >= 40


def test_what_is_held_the_longest_is_a_marker_without_its_partner() -> None:
    markdown = Markdown()
    said = "".join(markdown.feed(each) for each in "**" + "重" * LONGEST_HELD)
    assert said.startswith("**重")
    assert len(said) + 320 > LONGEST_HELD


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (["价格*", " 起"], ["价格", "* 起"]),
        (["**重", "点**", "：好"], ["", "", "重点：好"]),
        (["a `x", "` b"], ["a ", "x b"]),
        (["你好!", "[图](u)", "。"], ["你好", "图", "。"]),
        (["你好!", "真的"], ["你好", "!真的"]),
        (["[1", "] 见"], ["", "[1] 见"]),
        (["-", " ", "梨"], ["", "", "梨"]),
        (["12", ".", " ", "梨"], ["12", ".", " ", "梨"]),
        (["a\n", "---", "\nb"], ["a\n", "", "b"]),
        (["AT&T", " 好"], ["AT", "&T 好"]),
    ],
)
def test_only_what_may_still_become_a_marker_waits(pieces: list[str], said: list[str]) -> None:
    markdown = Markdown()
    assert [markdown.feed(piece) for piece in pieces] == said
