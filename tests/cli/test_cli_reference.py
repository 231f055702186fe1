"""`eyeclaw config reference`: every setting there is, for people and for programs."""

from __future__ import annotations

import json
import tomllib

from click.testing import CliRunner

from eyeclaw_trio.cli import main


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["config", "reference", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_reference_is_toml_in_both_languages() -> None:
    english, chinese = run(), run("--chinese")
    assert tomllib.loads(english) == tomllib.loads(chinese)
    assert "seconds; longest silence" in english
    assert "最长可以沉默多久" in chinese


def test_programs_get_meaning_default_unit_and_variable_of_each() -> None:
    listed = {each["key"]: each for each in json.loads(run("--json"))}
    assert listed["patience.idle_timeout"] == {
        "key": "patience.idle_timeout",
        "meaning": "longest silence of a bot within an answer",
        "unit": "seconds",
        "default": 60.0,
        "environment": "EYECLAW_PATIENCE__IDLE_TIMEOUT",
        "changeable_on_pages": True,
    }
    assert listed["data"]["default"] is None
    assert listed["providers.NAME.api_key"]["changeable_on_pages"] is False
