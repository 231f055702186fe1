"""The hash of a summary, against its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.protocol.content_hash import hash_content


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "0"),
        ("a", "61"),
        ("你好", "9f61d"),
        ("😀", "1b0d63"),
        ("你好，这是第一段", "-5c12da84"),
    ],
)
def test_the_hash_of_a_text_is_the_sdks(text: str, expected: str) -> None:
    assert hash_content(text) == expected


def hash_step_by_step(text: str) -> str:
    """The definition, one code unit after the other."""
    value = 0
    raw = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(raw[::2], raw[1::2], strict=True):
        value = (value * 31 + high * 256 + low) % 2**32
    if value >= 2**31:
        value -= 2**32
    return ("-" if value < 0 else "") + f"{abs(value):x}"


@given(st.text(max_size=200))
def test_the_hash_is_the_one_of_plain_arithmetic(text: str) -> None:
    assert hash_content(text) == hash_step_by_step(text)


# It is summed up in blocks of 512 code units: at the edges of one, of two and of many.
@pytest.mark.parametrize("size", [511, 512, 513, 1_023, 1_024, 1_025, 5_119, 5_120, 5_121])
@given(st.text(min_size=1, max_size=40))
def test_the_hash_of_a_long_text_is_the_one_of_plain_arithmetic(size: int, text: str) -> None:
    long = (text * size)[:size]
    assert hash_content(long) == hash_step_by_step(long)


def test_the_hash_takes_a_pair_of_surrogates_across_two_blocks() -> None:
    for text in ("x" * 511 + "😀" * 600, "\uffff" * 2_000, "\ud83d" * 513):
        assert hash_content(text) == hash_step_by_step(text)
