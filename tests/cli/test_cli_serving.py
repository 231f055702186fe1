"""Settings, and what `serve` and `connect` do with them, on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cli_runner import ask_json, failure, go_home, run

from eyeclaw_trio.client.display import echo_json
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.errors import ConfigurationError, LinkRefused
from eyeclaw_trio.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return go_home(tmp_path, monkeypatch)


SECRET = "sk-do-not-show-4711"


# Settings


def test_settings_are_shown_with_where_they_came_from(folder: Path) -> None:
    (folder / "eyeclaw.toml").write_text(
        f"[providers.a]\nbase_url = 'http://x'\nmodel = 'x'\napi_key = '{SECRET}'"
    )
    shown = ask_json("config", "show", "--data", "d")
    assert shown["data"] == {"value": str(folder / "d"), "source": "--data"}
    assert shown["patience.keepalive"] == {"value": 7.0, "source": "default"}
    assert shown["providers.a.api_key"] == {
        "value": "***",
        "source": f"{folder / 'eyeclaw.toml'}:4",
    }
    result = run("config", "show", EYECLAW_LISTEN="[::1]:0")
    assert re.search(r"listen +\[::1\]:0 +env EYECLAW_LISTEN", result.stdout)
    assert SECRET not in result.output


def test_every_fault_is_listed_with_its_line_and_the_status_is_1(folder: Path) -> None:
    file = folder / "eyeclaw.toml"
    file.write_text("lisen = 1\n\n[patience]\nidle_timeout = 0")
    result = run("config", "check", "--json")
    assert result.exit_code == 1
    assert [(each["key"], each["line"]) for each in json.loads(result.stdout)] == [
        ("lisen", 1),
        ("patience.idle_timeout", 4),
    ]
    assert json.loads(result.stdout)[0]["source"] == str(file)
    result = run("config", "check")
    assert [line.partition(": ")[0] for line in result.stdout.splitlines()] == [
        f"{file}:1",
        f"{file}:4",
    ]
    assert result.stderr.count("\n") == 1


def test_settings_without_a_fault_check_out_with_their_warnings(folder: Path) -> None:
    assert ask_json("config", "check") == []
    file = folder / "other.toml"
    file.write_text("[providers.a]\nbase_url = 'http://x'\nmodel = 'x'\napi_key_env = 'ABSENT'")
    result = run("config", "check", "--config", "other.toml")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Warning: " in result.stderr
    assert "no faults" in result.stderr


def test_with_a_fault_in_the_settings_no_command_runs(folder: Path) -> None:
    (folder / "eyeclaw.toml").write_text("lisen = 1")
    for arguments in (["key", "list"], ["bot", "list"], ["config", "show"], ["serve"]):
        line = failure(*arguments)
        assert f"{folder / 'eyeclaw.toml'}:1: lisen: " in line
        assert "nearest known one is listen" in line
    assert not (folder / "data").exists()


# What runs


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """A gateway that only remembers its settings."""
    served: list[Settings] = []

    async def serve(settings: Settings) -> None:
        served.append(settings)

    monkeypatch.setattr("eyeclaw_trio.cli.serving.run_gateway", serve)
    return served


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(_settings: Settings) -> None:
        raise error

    monkeypatch.setattr("eyeclaw_trio.cli.serving.run_gateway", serve)


def test_serve_takes_its_settings_from_options_first(served: list[Settings]) -> None:
    result = run("--data", "d", "serve", "--listen", "[::1]:0", EYECLAW_ADMIN_LISTEN="[::1]:0")
    assert result.exit_code == 0, result.output
    assert str(served[0].listen) == str(served[0].admin_listen) == "[::1]:0"
    assert served[0].data.name == "d"


def test_an_error_in_a_nursery_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConfigurationError("the\nproblem", key="a")
    fail_with(ExceptionGroup("outer", [ExceptionGroup("inner", [error])]), monkeypatch)
    assert failure("serve") == "Error: a: the problem\n"


def test_an_error_that_repeats_a_peers_words_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(LinkRefused("x", "The gateway said \x1b]0;t\x07 \x9b2J \u202e\u2028."), monkeypatch)
    assert failure("serve") == "Error: The gateway said ]0;t 2J .\n"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(ZeroDivisionError(), monkeypatch)
    assert isinstance(run("serve").exception, ZeroDivisionError)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BaseExceptionGroup("a nursery", [KeyboardInterrupt()])]
)
def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    fail_with(error, monkeypatch)
    result = run("serve")
    assert (result.exit_code, result.output) == (130, "")


def test_connect_is_given_what_it_needs(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    calls: list[tuple[object, ...]] = []

    async def connect(_settings: Settings, target: LinkTarget, *rest: object) -> None:
        calls.append((target, *rest))

    monkeypatch.setattr("eyeclaw_trio.cli.serving.run_connector", connect)
    (folder / "token").write_text("bt_token\n")
    arguments = ["connect", "--server", "http://x", "--bot", "3"]
    expected = (LinkTarget("http://x", 3, "bt_token"), echo_json, None)
    assert run(*arguments, EYECLAW_TOKEN="bt_token").exit_code == 0
    assert run(*arguments, EYECLAW_TOKEN_FILE="token").exit_code == 0
    assert run(*arguments, "--token", "bt_token", EYECLAW_TOKEN="other").exit_code == 0
    environ = {"EYECLAW_SERVER": "http://x", "EYECLAW_BOT": "3", "EYECLAW_TOKEN": "bt_token"}
    assert run("connect", **environ).exit_code == 0
    assert calls == [expected] * 4
    assert '"echo"' in failure("connect", "--provider", "ecko", **environ)
