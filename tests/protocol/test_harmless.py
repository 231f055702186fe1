"""Another's words on our terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.protocol.harmless import harmless, harmless_json, harmless_line

# Any text, lone surrogates too, with many of those that do harm.
ANY_TEXT = st.text(
    st.characters(codec=None) | st.sampled_from("\x1b\x07\x9b\r\n\t\x85\u2028\u202e\u2066\u2069a ")
)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def does_harm(character: str) -> bool:
    """Told by Unicode's own database, and not by the ranges that are tested."""
    if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
        return True
    return unicodedata.bidirectional(character) in {
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }


@given(ANY_TEXT)
def test_nothing_harmful_is_left_in_a_text_but_its_lines_and_tabs(text: str) -> None:
    shown = harmless(text)
    assert not [each for each in shown if does_harm(each) and each not in "\n\t"]
    shown.encode()
    assert harmless(shown) == shown


@given(ANY_TEXT, st.integers(1, 50))
def test_a_line_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = harmless_line(text, limit)
    assert not [each for each in line if does_harm(each)]
    assert len(line) <= limit
    assert line.splitlines() == ([line] if line else [])
    assert line == line.strip()


@given(
    st.recursive(
        ANY_TEXT | st.integers(), lambda value: st.lists(value) | st.dictionaries(ANY_TEXT, value)
    )
)
def test_json_says_the_same_without_any_of_it(value: object) -> None:
    shown = harmless_json(value)
    assert json.loads(shown) == json.loads(json.dumps(value))
    assert not [each for each in shown if does_harm(each)]


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_what_does_no_harm_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text
    assert harmless_line(text, len(text) + 1) == text


@pytest.mark.parametrize(
    ("said", "text", "line"),
    [
        ("\x1b]0;title\x07you", "]0;titleyou", "]0;titleyou"),
        ("\x9b2Jgone", "2Jgone", "2Jgone"),
        ("a\r\nb\tc\u2028d", "a\nb\tc\nd", "a b c d"),
        ("safe\rover", "safeover", "safe over"),
        ("user\u202etxt.exe", "usertxt.exe", "usertxt.exe"),
        (
            f"{FAMILY} {ENGLAND} ❤\ufe0f",
            f"{FAMILY} {ENGLAND} ❤\ufe0f",
            f"{FAMILY} {ENGLAND} ❤\ufe0f",
        ),
        ("\u200fשלום\u200e نص", "\u200fשלום\u200e نص", "\u200fשלום\u200e نص"),
        ("half \ud800 of it", "half \ufffd of it", "half \ufffd of it"),
    ],
)
def test_examples(said: str, text: str, line: str) -> None:
    assert (harmless(said), harmless_line(said)) == (text, line)
