"""The command line: what is printed where, and with which exit status it ends (CLI, "Commands")."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runner import ask_json, go_home, run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return go_home(tmp_path, monkeypatch)


COMMANDS = [
    [],
    ["serve"],
    ["connect"],
    ["ask"],
    ["key"],
    ["key", "create"],
    ["key", "list"],
    ["key", "revoke"],
    ["key", "restore"],
    ["key", "rotate"],
    ["bot"],
    ["bot", "add"],
    ["bot", "list"],
    ["bot", "token"],
    ["bot", "rename"],
    ["bot", "unbind"],
    ["bot", "remove"],
    ["trace"],
    ["trace", "list"],
    ["trace", "show"],
    ["providers"],
    ["providers", "check"],
    ["backup"],
    ["restore"],
    ["config"],
    ["config", "show"],
    ["config", "check"],
    ["selftest"],
    ["doctor"],
    ["completion"],
]


# The shape of it


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "eyeclaw")
def test_help_is_there_on_every_level_with_the_common_options(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    for option in ("--data DIR", "--config FILE", "--json", "--help"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["key"],
        ["key", "create"],
        ["key", "revoke", "one"],
        ["key", "revoke", "0"],
        ["key", "revoke", "9" * 30],
        ["key", "rotate", "1", "--grace", "7"],
        ["key", "rotate", "1", "--grace", "-7d"],
        ["key", "rotate", "1", "--grace", "٣d"],
        ["key", "rotate", "1", "--grace", "9" * 10 + "d"],
        ["connect", "--server", "http://x", "--bot", "1"],
        ["connect", "--token", "t"],
    ],
)
def test_wrong_usage_ends_with_status_2_and_nothing_on_stdout(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--data", "d", "key", "list"],
        ["key", "--json", "--data", "d", "list"],
        ["key", "list", "--json", "--data", "d"],
        ["--data", "elsewhere", "key", "--json", "list", "--data", "d"],
    ],
)
def test_common_options_are_taken_before_and_after_and_the_last_word_counts(
    arguments: list[str], folder: Path
) -> None:
    ask_json("key", "create", "glasses", "--data", "d")
    result = run(*arguments)
    assert [each["name"] for each in json.loads(result.stdout)] == ["glasses"]
    assert not (folder / "elsewhere").exists()


@pytest.mark.parametrize(
    ("misspelt", "meant"), [("sevre", "serve"), ("bots", "bot"), ("traces", "trace")]
)
def test_a_misspelt_command_is_told_the_nearest_one(misspelt: str, meant: str) -> None:
    result = run(misspelt)
    assert result.exit_code == 2
    assert f"No such command '{misspelt}'. Did you mean '{meant}'?" in result.stderr
    assert "Did you mean" not in run("q\x1b").stderr
    assert "\x1b" not in run("q\x1b").stderr


@pytest.mark.parametrize("group", ["", "bot", "key", "trace", "providers", "admin", "config"])
def test_a_list_of_commands_breaks_off_no_sentence(group: str) -> None:
    _, _, listed = run(*filter(None, [group]), "--help").stdout.partition("Commands:\n")
    assert listed
    assert "..." not in listed


def test_it_can_be_started_as_a_module(folder: Path) -> None:
    command = [sys.executable, "-m", "eyeclaw_trio", "--json", "key", "create", "glasses"]
    environ = {**os.environ, "EYECLAW_DATA": str(folder / "data")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert (json.loads(done.stdout)["id"], done.stderr) == (1, "")
    done = subprocess.run([*command[:3], "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: eyeclaw ")
