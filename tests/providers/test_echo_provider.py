"""The echo: the whole question, in pieces, in a bounded time."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.echo import DELAY, MAX_PIECES, EchoProvider, split_into_pieces
from eyeclaw_trio.providers.provider import ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings


@given(st.text() | st.text(alphabet="你好，。 a\nb😀ー가"))
def test_the_pieces_together_are_the_text(text: str) -> None:
    pieces = split_into_pieces(text)
    assert "".join(pieces) == text
    assert all(pieces)
    assert len(pieces) <= MAX_PIECES


def test_words_keep_their_spaces_and_chinese_comes_two_characters_at_a_time() -> None:
    assert split_into_pieces("今天天气 how  is it?") == ["今天", "天气 ", "how  ", "is ", "it?"]


def test_a_long_text_has_longer_pieces_not_more_of_them() -> None:
    assert len(split_into_pieces("你好" * 10_000)) <= MAX_PIECES


async def test_the_first_piece_comes_at_once_and_each_other_after_the_delay(
    autojump_clock: trio.testing.MockClock,
) -> None:
    provider = open_provider(ProviderSettings("echo", "echo"))
    started = autojump_clock.current_time()
    async with provider.answer(ProviderQuestion("one two three")) as pieces:
        arrivals = [(piece, round(trio.current_time() - started, 3)) async for piece in pieces]
    assert arrivals == [("one ", 0), ("two ", DELAY), ("three", 2 * DELAY)]


async def test_no_echo_takes_more_than_three_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    started = autojump_clock.current_time()
    async with EchoProvider().answer(ProviderQuestion("你好吗？ " * 5_000)) as pieces:
        text = "".join([piece async for piece in pieces])
    assert text == "你好吗？ " * 5_000
    assert 2 < trio.current_time() - started <= MAX_PIECES * DELAY


async def test_nothing_asked_is_an_empty_answer() -> None:
    with pytest.raises(ProviderFailed) as caught:
        async with EchoProvider().answer(ProviderQuestion("")) as pieces:
            await anext(pieces)
    assert caught.value.reason is Reason.EMPTY_ANSWER
