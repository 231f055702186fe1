"""The words of the pages: in both languages, with the same values, and all of them used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Final

import pytest

import eyeclaw_trio.admin
from eyeclaw_trio.admin.words import CATALOGUE, say
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.errors import BindingFault, PhotoFault, Reason, TurnFailed

ROOT: Final = Path(eyeclaw_trio.admin.__file__).parent
TEMPLATES: Final = sorted((ROOT / "templates").glob("*.html"))
SOURCES: Final = [*ROOT.rglob("*.py"), *TEMPLATES]
# What is so in every language: languages by their own names, values of TOML, units.
EVERYWHERE: Final = {"English", "中文", "true", "false", "s", "ms", "UTC"}


def values_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", CATALOGUE)
def test_a_text_is_there_in_both_languages_with_the_same_values(key: str) -> None:
    english, chinese = CATALOGUE[key]
    assert english.strip() == english != ""
    assert chinese.strip() == chinese != ""
    assert values_of(english) == values_of(chinese)
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_the_modules_of_words_have_no_key_in_common() -> None:
    keys = [
        key
        for file in sorted((ROOT / "words").glob("*.py"))
        for key in re.findall(r'^    "([a-z_.0-9]+)": \(', file.read_text("utf-8"), re.MULTILINE)
    ]
    assert sorted(keys) == sorted(set(keys)) == sorted(CATALOGUE)


def test_every_text_that_is_asked_for_is_there() -> None:
    wanted = {
        (file.name, key)
        for file in SOURCES
        for key in re.findall(r"""\bt\(\s*["']([a-z_.0-9]+)["']\s*[,)]""", file.read_text("utf-8"))
    }
    assert len(wanted) > 20
    assert [each for each in sorted(wanted) if each[1] not in CATALOGUE] == []


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_says_nothing_by_itself(file: Path) -> None:
    text = file.read_text("utf-8")
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL)
    assert not re.search(
        r"(?:aria-label|title|placeholder|alt)=\"[^\"]*[a-zA-Z\u4e00-\u9fff]", text
    )
    text = re.sub(r"<code>[^<]*</code>", "", text)  # what is typed is the same in all of them
    text = re.sub(r"^ data-[a-z-]+=\"[^\"]*\"$", "", text, flags=re.MULTILINE)  # of the body's tag
    text = re.sub(r"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", " ", text)
    left = set(re.findall(r"[a-zA-Z\u4e00-\u9fff]+", re.sub(r"&[a-z]+;", "", text))) - EVERYWHERE
    assert left == set()


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_has_nothing_that_the_policy_forbids(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|<style|https?://", text)
    assert not re.search(r"<script(?! type=\"module\" src=)", text)
    assert "| safe" not in text


def test_a_bot_and_a_trace_are_called_the_same_on_pages_as_everywhere_else() -> None:
    """In Chinese an agent (智能体) is the platform's; wearers hear and documents say Bot."""
    words = [*CATALOGUE.items()]
    words += [("checkup", ("", (ROOT.parent / "core" / "checkup_words.py").read_text("utf-8")))]
    agents = {key for key, (_, chinese) in words if "智能体" in chinese}
    assert agents == {"keys.url", "keys.ak"}
    # A chunk (分段), a summary and a trace have one word each, too.
    pages = "".join(chinese for key, (_, chinese) in words if not key.startswith("backup.take_"))
    assert not re.search("片段|追踪(?!记录)|摘要", pages)
    documents = [*(ROOT.parents[1] / "docs" / "zh").glob("*.md"), *SOURCES]
    assert [file.name for file in documents if "跟踪" in file.read_text("utf-8")] == []


def test_every_failure_that_a_trace_names_is_told_in_words() -> None:
    failures = [TurnFailed]
    for each in failures:
        failures += each.__subclasses__()
    codes = {each.value for kind in (Reason, PhotoFault, BindingFault) for each in kind}
    codes |= {each.code for each in failures if "code" in vars(each)}
    codes -= {each.value for each in Outcome}  # what is said of the outcome itself
    assert {code for code in codes if f"reason.{code}" not in CATALOGUE} == set()


def test_values_are_put_in_harmlessly() -> None:
    said = say("en", "tokens.once", name="a\x1b[31m\u202eb")
    assert said.startswith("This is the token a␛[31m[U+202E]b.")
    assert "令牌" in say("zh", "tokens.once", name="x")
