"""The short code behind a failure's text: heard apart, and the same in text and trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.incident import ALPHABET, LENGTH, Wording, code_of
from eyeclaw_trio.core.texts import Language, apology, chat_apology
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.errors import BotOffline, KeyRevoked

# Of each of these groups, which sound or look alike in English or in Chinese, one at most.
ALIKE = [
    "BCDEGPTVZ",
    "FSX",
    "MN",
    "QU",
    "IY",
    "AJK",
    "17",
    "69",
    "59",
    "O0",
    "8H",
    "8B",
    "1IL",
    "2Z",
]


def make_trace(session_id: str = "0a1f9c" + "0" * 26) -> Trace:
    return Trace("trace_1", session_id, 1, 0.0)


@pytest.mark.parametrize("group", ALIKE)
def test_of_what_sounds_or_looks_alike_one_at_most_is_in_a_code(group: str) -> None:
    assert len(set(group) & set(ALPHABET)) <= 1


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_a_code_has_six_characters_and_depends_on_six_digits_only(one: bytes, two: bytes) -> None:
    first, second = code_of(one.hex()), code_of(two.hex())
    assert len(first) == LENGTH == 6
    assert set(first) <= set(ALPHABET)
    assert (first == second) == (one.hex()[:6] == two.hex()[:6])


@pytest.mark.parametrize(("language", "behind"), [("zh", "（代码 {}）"), ("en", " (code {})")])
def test_a_text_ends_with_the_code_that_its_trace_has(language: Language, behind: str) -> None:
    trace = make_trace()
    wording = Wording(language, trace)
    codes = [trace.code]
    said = [wording.apology(BotOffline()), wording.chat_apology(KeyRevoked())]
    codes.append(trace.code)
    assert codes == [None, code_of(trace.session_id)]  # none before anything was said
    ending = behind.format(trace.code)
    assert said == [
        apology(BotOffline(), language) + ending,
        chat_apology(KeyRevoked(), language) + ending,
    ]


def test_without_a_trace_no_code_is_said() -> None:
    assert Wording("zh").apology(BotOffline()) == apology(BotOffline(), "zh")
    assert Wording("en").chat_apology(KeyRevoked()) == chat_apology(KeyRevoked(), "en")
