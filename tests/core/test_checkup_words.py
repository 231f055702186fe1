"""The words of every finding, in both languages."""

from __future__ import annotations

import ast
import inspect

import pytest

from eyeclaw_trio.core import checkup
from eyeclaw_trio.core.checkup import Finding
from eyeclaw_trio.core.checkup_words import FINDINGS, advise, tell


def found_names() -> dict[str, set[str]]:
    """The names that a look may find, with their levels, read from its source."""
    names: dict[str, set[str]] = {}
    for call in ast.walk(ast.parse(inspect.getsource(checkup))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding":
            level, name = call.args[0], call.args[1]
            assert isinstance(level, ast.Constant)
            if isinstance(name, ast.Constant):
                names.setdefault(str(name.value), set()).add(str(level.value))
    return {**names, "bots_flapping": {"warn"}, "old_sdks": {"warn"}}


def test_every_finding_has_its_words_and_what_is_not_well_a_remedy() -> None:
    names = found_names()
    assert names.keys() == FINDINGS.keys()
    troubles = {name for name, levels in names.items() if levels != {"good"}} - {"draining"}
    assert troubles == {name for name, each in FINDINGS.items() if each.remedy is not None}


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_is_told_in_two_languages_that_differ(name: str) -> None:
    values = dict.fromkeys(("names", "count", "dropped", "host", "minutes", "room"), "X1")
    finding = Finding("warn", name, values)
    english, chinese = tell(finding, "en"), tell(finding, "zh")
    assert english.isascii()
    assert not chinese.isascii()
    assert english.count("X1") == chinese.count("X1")
    if FINDINGS[name].remedy is not None:
        remedies = advise(finding, "en"), advise(finding, "zh")
        assert remedies[0] != remedies[1]


def test_what_a_bot_is_called_is_told_harmlessly() -> None:
    told = tell(Finding("warn", "bots_offline", {"names": "a\x1b[31m\u202eb"}), "en")
    assert told == "Offline: a␛[31m[U+202E]b."


def test_names_are_joined_as_the_language_does() -> None:
    finding = Finding("warn", "bots_offline", {"names": ["a\x1b", "b"]})
    assert tell(finding, "en") == "Offline: a␛, b."
    assert tell(finding, "zh") == "离线：a␛、b。"
