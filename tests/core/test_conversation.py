"""What is remembered of a chat, and how much of it at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core import conversation as bounds
from eyeclaw_trio.core.conversation import Conversations, Exchange, Speaker

ME = Speaker(1, "s")


def remember(
    conversations: Conversations[Speaker], count: int, *, speaker: Speaker = ME, at: float = 0.0
) -> None:
    for number in range(count):
        conversations.remember(speaker, Exchange(f"q{number}", f"a{number}"), at)


def test_what_was_said_comes_back_in_order() -> None:
    conversations = Conversations[Speaker]()
    assert conversations.history(ME, 0.0) == ()
    remember(conversations, 2)
    assert conversations.history(ME, 1.0) == (Exchange("q0", "a0"), Exchange("q1", "a1"))


def test_row_24_two_keys_with_one_session_id_have_two_conversations() -> None:
    conversations = Conversations[Speaker]()
    remember(conversations, 1)
    assert conversations.history(Speaker(2, "s"), 0.0) == ()
    assert conversations.history(Speaker(1, "S"), 0.0) == ()


@given(st.lists(st.tuples(st.integers(1, 99), st.text(max_size=4)), unique=True, max_size=20))
def test_row_24_no_two_conversations_have_one_name_whatever_letter_case_is_worth(
    pairs: list[tuple[int, str]],
) -> None:
    names = {Speaker(key_id, session).name.lower() for key_id, session in pairs}
    assert len(names) == len(pairs)


def test_a_name_tells_nothing_of_the_session() -> None:
    assert "secret" not in Speaker(1, "secret").name
    assert Speaker(1, "secret").name == Speaker(1, "secret").name


def test_only_the_last_turns_are_remembered() -> None:
    conversations = Conversations[Speaker]()
    remember(conversations, bounds.KEPT_TURNS + 3)
    history = conversations.history(ME, 0.0)
    assert len(history) == bounds.KEPT_TURNS
    assert history[0] == Exchange("q3", "a3")


def test_only_so_many_bytes_are_remembered_and_they_are_bytes() -> None:
    conversations = Conversations[Speaker]()
    fifth = "你" * (bounds.KEPT_BYTES // 15 - 1)
    for letter in "abcdefg":
        conversations.remember(ME, Exchange(letter, fifth), 0.0)
    history = conversations.history(ME, 0.0)
    assert [exchange.question for exchange in history] == ["c", "d", "e", "f", "g"]
    assert sum(exchange.size for exchange in history) <= bounds.KEPT_BYTES


def test_of_a_long_exchange_the_beginning_is_remembered_and_all_before_it() -> None:
    conversations = Conversations[Speaker]()
    remember(conversations, 1)
    conversations.remember(ME, Exchange("长？", "答" * bounds.KEPT_BYTES), 0.0)
    first, long = conversations.history(ME, 0.0)
    assert first == Exchange("q0", "a0")
    assert long.question == "长？"
    assert set(long.answer) == {"答"}
    assert bounds.KEPT_OF_ONE - 3 < long.size <= bounds.KEPT_OF_ONE


@pytest.mark.parametrize(("rest", "is_remembered"), [(-0.001, True), (0.0, False)])
def test_a_conversation_is_over_when_nobody_has_gone_on_with_it_for_long(
    rest: float, is_remembered: bool
) -> None:
    conversations = Conversations[Speaker]()
    remember(conversations, 1, at=5.0)
    remember(conversations, 1, at=10.0)
    now = 10.0 + bounds.KEPT_SECONDS + rest
    assert bool(conversations.history(ME, now)) is is_remembered
    assert len(conversations) == is_remembered


def test_of_too_many_conversations_the_one_that_rested_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "KEPT_CONVERSATIONS", 2)
    conversations = Conversations[Speaker]()
    for name in ("a", "b", "a", "c"):
        remember(conversations, 1, speaker=Speaker(1, name))
    assert len(conversations) == 2
    assert conversations.history(Speaker(1, "b"), 0.0) == ()
    assert len(conversations.history(Speaker(1, "a"), 0.0)) == 2


def test_who_has_too_many_conversations_has_only_his_own_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "KEPT_CONVERSATIONS", 3)
    conversations = Conversations[Speaker](None, lambda speaker: speaker.key_id)
    remember(conversations, 1, speaker=ME)
    for number in range(9):
        remember(conversations, 1, speaker=Speaker(2, f"crowd {number}"))
    assert len(conversations) == 3
    assert len(conversations.history(ME, 0.0)) == 1
    assert conversations.history(Speaker(2, "crowd 6"), 0.0) == ()
    assert len(conversations.history(Speaker(2, "crowd 7"), 0.0)) == 1
