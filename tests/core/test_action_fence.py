"""The fenced block of an action is cut out of the text, wherever the chunks are cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeclaw_trio.core.action_fence import LONGEST_BLOCK, OPENING, ActionFence, FencedBlock

PHOTO = '{"tool_call": {"command": "take_photo"}}'
PARTS = (
    *("```eyeclaw", "```eye", "```", "`", "\n", "\n", "\r\n", " ", "    ", "好", "a", "{}", "claw"),
    *("```eyeclaw\n{}\n```\n", "\n```eyeclaw\n"),
)


def cut(text: str, lengths: Sequence[int] = ()) -> tuple[str, list[str]]:
    fence = ActionFence()
    found: list[str | FencedBlock] = []
    at = 0
    for length in [*lengths, len(text)]:
        found += fence.feed(text[at : at + length])
        at += length
    found += fence.finish()
    said = "".join(each for each in found if isinstance(each, str))
    return said, [each.text for each in found if isinstance(each, FencedBlock)]


@pytest.mark.parametrize(
    ("text", "said", "blocks"),
    [
        (f"```eyeclaw\n{PHOTO}\n```\n好的。", "好的。", [PHOTO + "\n"]),
        (f"好的。\n```eyeclaw\n{PHOTO}\n```", "好的。\n", [PHOTO + "\n"]),
        (f"好的。\n  ```eyeclaw  \r\n{PHOTO}\r\n ``` \r\n再见", "好的。\n  再见", [PHOTO + "\r\n"]),
        (f"好\n```eyeclaw\n{PHOTO}", "好\n", [PHOTO]),
        (f"好\n```eyeclaw\n{PHOTO}\n```好", "好\n好", [PHOTO + "\n"]),
        ("```eyeclaw\n1\n```\n```eyeclaw\n2\n```\n", "", ["1\n", "2\n"]),
        ("```python\nx\n```\n", "```python\nx\n```\n", []),
        ("```eyeclaws\nx\n```\n", "```eyeclaws\nx\n```\n", []),
        ("说 ```eyeclaw\nx\n```", "说 ```eyeclaw\nx\n```", []),
        ("我不会拍照 take_photo", "我不会拍照 take_photo", []),
        ("```eyeclaw", "```eyeclaw", []),
    ],
)
def test_a_block_on_lines_of_its_own_is_cut_out(text: str, said: str, blocks: list[str]) -> None:
    for place in range(len(text) + 1):
        assert cut(text, [place]) == (said, blocks)
    assert cut(text, [1] * len(text)) == (said, blocks)


@settings(max_examples=500)
@given(
    text=st.lists(st.sampled_from(PARTS), max_size=24).map("".join),
    lengths=st.lists(st.integers(1, 5), max_size=80),
)
def test_however_it_is_cut_the_same_comes_out(text: str, lengths: list[int]) -> None:
    assert cut(text, lengths) == cut(text)


@settings(max_examples=300)
@given(text=st.lists(st.sampled_from(PARTS), max_size=24).map("".join))
def test_no_more_is_held_than_the_first_line_of_a_block(text: str) -> None:
    fence = ActionFence()
    pieces = [each for each in fence.feed(text) if isinstance(each, str)]
    is_open = OPENING + "\n" in text or OPENING in text
    if not is_open:
        assert len(text) - len("".join(pieces)) <= len(OPENING)


def test_text_passes_undelayed() -> None:
    fence = ActionFence()
    for piece in ["好的", "，", "\n", " ", "再", "见`x`", "\n\n"]:
        assert fence.feed(piece) == [piece]


def test_a_block_ends_with_its_last_line_and_not_with_the_text() -> None:
    fence = ActionFence()
    fence.feed(f"```eyeclaw\n{PHOTO}\n")
    assert fence.feed("```") == [FencedBlock(PHOTO + "\n")]


def test_a_block_without_an_end_fills_no_memory() -> None:
    fence = ActionFence()
    fence.feed("```eyeclaw\n")
    for _ in range(100):
        assert fence.feed("x" * LONGEST_BLOCK) == []
    assert all(
        len(each.text) <= LONGEST_BLOCK for each in fence.finish() if isinstance(each, FencedBlock)
    )
