"""The reference of all settings: complete, true, and the same in docs/."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from settings_reader import check, load

from eyeclaw_trio.settings.layers import known_paths
from eyeclaw_trio.settings.meanings import MEANINGS, UNITS_ZH, Language
from eyeclaw_trio.settings.reference import find_entry, list_reference, render_reference
from eyeclaw_trio.settings.shown import show_settings

DOCS = Path(__file__).parents[2] / "docs"


def test_every_setting_has_a_meaning_and_every_meaning_a_setting() -> None:
    assert set(MEANINGS) == set(known_paths())


def test_every_meaning_and_unit_is_said_in_both_languages() -> None:
    for meaning in MEANINGS.values():
        assert meaning.english.isascii()
        assert not meaning.chinese.isascii()
        assert meaning.unit in UNITS_ZH


def test_every_default_in_the_reference_is_the_one_in_force(folder: Path) -> None:
    in_force = {each.key: each.value for each in show_settings(load(folder))}
    for entry in list_reference():
        if entry.key in in_force and entry.default is not None:
            value = in_force[entry.key]
            assert (list(value) if isinstance(value, tuple) else value) == entry.default


def test_a_default_shown_as_none_has_an_example_to_copy() -> None:
    for entry in list_reference():
        assert entry.default is not None or entry.meaning.example, entry.key


def test_the_reference_is_a_settings_file_that_can_be_used(folder: Path) -> None:
    text = render_reference()
    tomllib.loads(text)
    checked = check(folder, text)
    assert not checked.faults


@pytest.mark.parametrize("language", ["en", "zh"])
def test_docs_hold_the_same_reference(language: Language) -> None:
    block = (
        (DOCS / language / "settings.md").read_text("utf-8").split("```toml\n")[1].split("```")[0]
    )
    assert block == render_reference(language)


def test_a_setting_in_force_finds_its_entry_whatever_its_provider_is_called(folder: Path) -> None:
    text = '[providers."x.y z"]\nkind = "echo"\n[[bots]]\nname = "a"\nprovider = "x.y z"\n'
    for shown in show_settings(load(folder, text)):
        entry = find_entry(shown.key)
        if shown.key not in ("providers.echo.name", 'providers."x.y z".name'):
            assert entry is not None, shown.key
            assert entry.path[-1] == shown.key.rpartition(".")[2]
    assert find_entry("nothing") is None
    assert find_entry("patience") is None
