"""Two texts side by side: what is the same, what differs, and that it has an end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.differences import LONGEST_MIDDLE, MOST_EDITS, Stretch, compare_texts

texts = st.text("ab 湖边\n", max_size=40)


def told(left: str, right: str) -> str:
    """`same[-left-]{+right+}`, as it is printed since wdiff."""

    def tell(each: Stretch) -> str:
        if each.is_same:
            return each.left
        return (f"[-{each.left}-]" if each.left else "") + (
            f"{{+{each.right}+}}" if each.right else ""
        )

    return "".join(map(tell, compare_texts(left, right)))


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        ("", "", ""),
        ("the same", "the same", "the same"),
        ("", "new", "{+new+}"),
        ("a lost part of it", "a part of it", "a [-lost -]part of it"),
        ("one two three", "one 2 three", "one [-two-]{+2+} three"),
        ("湖边的桂花开了", "湖边花开了", "湖边[-的桂-]花开了"),
        ("a b c d e", "a c d x e", "a [-b -]c d{+ x+} e"),
        ("over", "and over", "{+and +}over"),
        ("go on", "go on and on", "go on{+ and on+}"),
    ],
)
def test_what_differs_is_shown_where_it_differs(left: str, right: str, shown: str) -> None:
    assert told(left, right) == shown


@given(texts, texts)
def test_both_texts_come_back_whole_in_stretches_of_both_kinds_in_turns(
    left: str, right: str
) -> None:
    stretches = compare_texts(left, right)
    assert "".join(each.left for each in stretches) == left
    assert "".join(each.right for each in stretches) == right
    kinds = [each.is_same for each in stretches]
    assert all(a is not b for a, b in itertools.pairwise(kinds))
    assert compare_texts(left, left) == ((Stretch(left, left),) if left else ())


@given(texts, st.integers(0, 40), st.integers(0, 10))
def test_a_part_that_was_lost_is_all_that_differs(text: str, at: int, length: int) -> None:
    rest = text[:at] + text[at + length :]
    lost = [each for each in compare_texts(text, rest) if not each.is_same]
    # Words are the measure: cutting through one leaves another word on either side.
    assert sum(len(each.left) - len(each.right) for each in lost) == len(text) - len(rest)


def test_texts_that_have_little_in_common_are_one_difference() -> None:
    left = " ".join(f"a{n} same" for n in range(MOST_EDITS))
    right = " ".join(f"b{n} same" for n in range(MOST_EDITS))
    assert [each.is_same for each in compare_texts(left, right)] == [False, True]
    few = " ".join(f"{'b' if n in (3, 60) else 'a'}{n} same" for n in range(MOST_EDITS))
    assert sum(not each.is_same for each in compare_texts(left, few)) == 2


def test_a_middle_that_is_too_long_is_one_difference() -> None:
    same = "湖" * LONGEST_MIDDLE
    stretches = compare_texts(f"a {same} b", f"c {same} d")
    assert stretches == (Stretch(f"a {same} b", f"c {same} d"),)
    # However long what is the same at both ends may be.
    assert told(f"{same}x{same}", f"{same}y{same}") == f"{same}[-x-]{{+y+}}{same}"
