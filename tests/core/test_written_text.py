"""A text remembered by length and hash: as good for a comparison as the text itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.written_text import FailedWords, Imprint, WrittenText

_texts = st.text("ab你😀", max_size=5)


def imprint_of(*pieces: str) -> Imprint:
    text = WrittenText()
    for piece in pieces:
        text.add(piece)
    return text.imprint()


@given(st.lists(_texts, max_size=8), _texts, _texts)
def test_an_imprint_is_where_its_text_is_and_nowhere_else(
    pieces: list[str], front: str, back: str
) -> None:
    text = "".join(pieces)
    whole = front + text + back
    for place in range(len(whole) + 2):
        is_there = place + len(text) <= len(whole) and whole.startswith(text, place)
        assert imprint_of(*pieces).is_in(whole, place) is is_there


@given(st.lists(st.text("ab你😀", max_size=2_000), max_size=100), st.integers(0, 99))
def test_it_is_the_same_however_the_text_was_cut_and_whenever_it_was_looked_at(
    pieces: list[str], looked_at: int
) -> None:
    text = WrittenText()
    for n, piece in enumerate(pieces):
        text.add(piece)
        if n == looked_at:
            text.imprint()
    assert text.imprint() == imprint_of("".join(pieces))
    assert text.characters == len("".join(pieces))
    text.imprint()  # takes in what waits
    assert text.size_taken == len("".join(pieces).encode())


@given(st.lists(_texts, max_size=8), _texts, st.booleans())
def test_it_is_all_of_its_own_text_and_of_no_other(
    pieces: list[str], other: str, is_taken_in: bool
) -> None:
    text = WrittenText()
    for piece in pieces:
        text.add(piece)
    if is_taken_in:
        text.imprint()
    whole = "".join(pieces)
    assert text.is_all_of(whole)
    assert text.is_all_of(other) is (other == whole)
    assert not text.is_all_of(whole + "a")


def test_all_failed_turns_since_the_last_summary_are_found_at_its_front() -> None:
    failed = FailedWords()
    failed.note(imprint_of("一二"))
    failed.note(imprint_of("三"))
    assert failed.count_in("一二三四") == 3
    assert failed.count_in("一二四") == 0
    assert failed.count_in("四一二三") == 0
    assert failed.count_in("") == 0
    failed.clear()
    assert failed.count_in("一二三四") == 0


def test_a_bot_that_was_started_anew_repeats_only_what_it_knows() -> None:
    failed = FailedWords()
    failed.note(imprint_of("一二"))
    failed.note(imprint_of("三"))
    assert failed.count_in("三四") == 1


def test_only_so_many_are_remembered() -> None:
    failed = FailedWords()
    for _ in range(17):
        failed.note(imprint_of("x"))
    assert failed.count_in("x" * 20) == 16
