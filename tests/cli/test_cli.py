"""The command line: what is printed where, and with which exit status it ends (CLI, "Commands")."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from click.testing import CliRunner, Result

from eyeclaw_trio.cli import main
from eyeclaw_trio.client.display import echo_json
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.core.directory import digest
from eyeclaw_trio.errors import ConfigurationError, LinkRefused
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store import keys
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.sessions import BotSession, write_session
from eyeclaw_trio.store.snapshot import load_directory

SECRET = "sk-do-not-show-4711"
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
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, and no settings but those of the test."""
    for name in [
        name
        for name in os.environ
        if name.startswith(("EYECLAW_", "OPENCLAW_")) or name.endswith("_API_KEY")
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_a, **_o: tmp_path / "user")
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_a, **_o: tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ)


def ask_json(*arguments: str) -> Any:
    """What a command that works prints with --json: one document, and nothing else there."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("\n")
    return json.loads(result.stdout)


def failure(*arguments: str, **environ: str) -> str:
    """The one line of a command that fails."""
    result = run(*arguments, **environ)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


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


def test_it_can_be_started_as_a_module(folder: Path) -> None:
    command = [sys.executable, "-m", "eyeclaw_trio", "--json", "key", "create", "glasses"]
    environ = {**os.environ, "EYECLAW_DATA": str(folder / "data")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert (json.loads(done.stdout)["id"], done.stderr) == (1, "")
    done = subprocess.run([*command[:3], "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: eyeclaw ")


# Keys


def test_a_key_is_made_and_shown_once(folder: Path) -> None:
    made = ask_json("key", "create", "glasses")
    assert list(made) == ["id", "name", "key", "bot_id"]
    assert (made["id"], made["name"], made["bot_id"]) == (1, "glasses", None)
    assert made["key"].startswith("ak_")
    (listed,) = ask_json("key", "list")
    assert list(listed) == [
        "id",
        "name",
        "prefix",
        "bot_id",
        "is_active",
        "last_used_at",
        "created_at",
    ]
    assert listed["prefix"] == made["key"][: len(listed["prefix"])]
    assert made["key"] not in run("key", "list").output
    with closing(open_database(folder / "data")) as db:
        (known,) = keys.list_keys(db)
    assert known.digest == digest(made["key"])


def test_for_people_the_key_alone_is_on_stdout() -> None:
    result = run("key", "create", "glasses")
    assert re.fullmatch(r"ak_[\w-]+\n", result.stdout)
    assert "shown this once" in result.stderr


def test_a_key_is_revoked_and_restored() -> None:
    ask_json("key", "create", "glasses")
    assert ask_json("key", "revoke", "1")["is_active"] is False
    assert ask_json("key", "list")[0]["is_active"] is False
    assert ask_json("key", "restore", "1")["is_active"] is True
    assert "glasses" in run("key", "revoke", "1").stderr


def test_a_key_is_replaced_by_a_new_one_and_opens_for_a_while_still(folder: Path) -> None:
    old = ask_json("key", "create", "glasses")
    new = ask_json("key", "rotate", "1", "--grace", "12h")
    assert list(new) == ["id", "name", "key", "bot_id", "old_id", "old_until"]
    assert (new["id"], new["name"], new["old_id"]) == (2, "glasses", 1)
    left = datetime.fromisoformat(new["old_until"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
    assert new["key"] not in run("key", "list").output
    assert [each["is_active"] for each in ask_json("key", "list")] == [True, True]
    assert "until 20" in run("key", "list").stdout
    with closing(open_database(folder / "data")) as db:
        directory = load_directory(db)
    assert directory.find_key(old["key"]) is not None
    assert directory.find_key(new["key"]) is not None


def test_an_old_key_opens_for_seven_days_unless_said_and_with_no_grace_not_at_all() -> None:
    ask_json("key", "create", "glasses")
    until = datetime.fromisoformat(ask_json("key", "rotate", "1")["old_until"])
    assert timedelta(days=6, hours=23) < until - datetime.now(UTC) <= timedelta(days=7)
    ask_json("key", "rotate", "2", "--grace", "0s")
    assert [each["is_active"] for each in ask_json("key", "list")] == [True, False, True]
    assert "key 2 is revoked" in failure("key", "rotate", "2")


def test_for_people_the_new_key_alone_is_on_stdout() -> None:
    run("key", "create", "glasses")
    result = run("key", "rotate", "1")
    assert re.fullmatch(r"ak_[\w-]+\n", result.stdout)
    assert "opens until 20" in result.stderr


def test_a_key_can_be_made_for_one_bot() -> None:
    ask_json("bot", "add", "home")
    assert ask_json("key", "create", "glasses", "--bot", "1")["bot_id"] == 1
    assert "no bot 2" in failure("key", "create", "glasses", "--bot", "2")


def test_a_record_that_is_not_there_is_one_line_and_status_1() -> None:
    assert "no key 7" in failure("key", "revoke", "7")
    assert "no key 7" in failure("key", "restore", "7", "--json")
    for command in ("token", "unbind", "remove"):
        assert "no bot 7" in failure("bot", command, "7")


def test_an_empty_list_is_an_empty_list_with_a_hint_for_people() -> None:
    for what in ("key", "bot"):
        assert ask_json(what, "list") == []
        assert f"`eyeclaw {what} " in run(what, "list").stderr


def test_tables_on_a_pipe_are_not_cut() -> None:
    name = "n" * 120
    run("key", "create", name)
    result = run("key", "list")
    assert name in result.stdout


def test_a_name_is_shown_as_it_is_and_not_as_markup() -> None:
    run("bot", "add", "[bold]x")
    assert "[bold]x" in run("bot", "list").stdout


# Bots


def test_a_linked_bot_gets_a_token_and_an_embedded_one_needs_none() -> None:
    linked = ask_json("bot", "add", "home")
    assert list(linked) == ["id", "name", "token"]
    embedded = ask_json("bot", "add", "parrot", "--provider", "echo")
    assert embedded == {"id": 2, "name": "parrot", "token": None, "provider": "echo"}
    renewed = ask_json("bot", "token", "1")
    assert (renewed["id"], renewed["name"]) == (1, "home")
    assert renewed["token"] != linked["token"]
    assert "needs no token" in failure("bot", "token", "2")
    assert run("bot", "token", "1").stdout.count("\n") == 1
    assert run("bot", "add", "other").stdout.count("\n") == 1
    assert run("bot", "add", "third", "--provider", "echo").stdout == ""


def test_a_provider_that_is_not_in_the_settings_is_refused_with_the_nearest(folder: Path) -> None:
    text = "[providers.openclaw]\nbase_url = 'http://x'\nmodel = 'x'"
    (folder / "eyeclaw.toml").write_text(text)
    assert '"openclaw"' in failure("bot", "add", "home", "--provider", "openclav")
    assert ask_json("bot", "list") == []
    assert ask_json("bot", "add", "home", "--provider", "openclaw")["token"] is None


def test_bots_are_listed_with_all_that_the_contract_says() -> None:
    ask_json("bot", "add", "home")
    (listed,) = ask_json("bot", "list")
    assert list(listed) == [
        "id",
        "name",
        "provider",
        "online",
        "last_ping_at",
        "rokid_user_id",
        "created_at",
        "origin",
        "is_default",
        "answers_by_default",
        "reason",
    ]
    assert (listed["online"], listed["last_ping_at"], listed["origin"]) == (False, None, "command")


@pytest.mark.parametrize(
    ("age", "is_closed", "is_held", "online"),
    [
        (1, False, True, True),
        (299, False, True, True),
        (301, False, True, False),
        (1, True, True, False),
        (1, False, False, False),
    ],
)
def test_a_linked_bot_is_online_when_a_living_gateway_heard_it_lately(
    folder: Path, age: int, is_closed: bool, is_held: bool, online: bool
) -> None:
    ask_json("bot", "add", "home")
    heard = to_stamp(datetime.now(UTC) - timedelta(seconds=age))
    session = BotSession("s", 1, heard, heard, heard if is_closed else None)
    with closing(open_database(folder / "data")) as db, transaction(db):
        write_session(db, session)
    if is_held:
        with hold_folder(folder / "data"):
            (listed,) = ask_json("bot", "list")
    else:
        (listed,) = ask_json("bot", "list")
    assert (listed["online"], listed["last_ping_at"]) == (online, heard)


def test_an_embedded_bot_is_online_while_a_gateway_runs(folder: Path) -> None:
    ask_json("bot", "add", "parrot", "--provider", "echo")
    assert ask_json("bot", "list")[0]["online"] is False
    with hold_folder(folder / "data"):
        assert ask_json("bot", "list")[0]["online"] is True


def test_a_bot_is_unbound_and_removed(folder: Path) -> None:
    ask_json("bot", "add", "home")
    with closing(open_database(folder / "data")) as db, transaction(db):
        db.execute("UPDATE bots SET rokid_user_id = 'u1'")
    assert ask_json("bot", "list")[0]["rokid_user_id"] == "u1"
    assert ask_json("bot", "unbind", "1")["rokid_user_id"] is None
    removed = ask_json("bot", "remove", "1")
    assert (removed["id"], removed["name"]) == (1, "home")
    assert ask_json("bot", "list") == []
    run("bot", "add", "home")
    assert "2" in run("bot", "unbind", "2").stderr
    assert "2" in run("bot", "remove", "2").stderr


def test_a_bot_is_renamed_and_keeps_its_id() -> None:
    ask_json("bot", "add", "home")
    assert ask_json("bot", "rename", "home", "desk")["name"] == "desk"
    assert [(each["id"], each["name"]) for each in ask_json("bot", "list")] == [(1, "desk")]
    ask_json("bot", "add", "home")
    assert "taken by bot 2" in failure("bot", "rename", "1", "home")


def test_a_bot_is_named_by_its_id_or_its_name() -> None:
    ask_json("bot", "add", "home")
    ask_json("bot", "add", "work")
    assert ask_json("bot", "default", "work")["id"] == 2
    assert ask_json("key", "create", "glasses", "--bot", "work")["bot_id"] == 2
    assert ask_json("bot", "token", "home")["id"] == 1
    assert ask_json("bot", "unbind", "home")["id"] == 1
    assert ask_json("bot", "remove", "work")["id"] == 2
    assert "there is no bot office" in failure("bot", "remove", "office")


def test_who_answers_by_default_is_said_also_of_the_only_bot() -> None:
    ask_json("bot", "add", "home")
    assert [each["answers_by_default"] for each in ask_json("bot", "list")] == [True]
    assert run("bot", "list").stdout.rstrip().endswith("yes")
    ask_json("bot", "add", "work")
    assert [each["answers_by_default"] for each in ask_json("bot", "list")] == [False, False]
    assert "`eyeclaw bot default BOT` chooses one" in run("bot", "list").stderr
    ask_json("bot", "default", "work")
    assert [each["answers_by_default"] for each in ask_json("bot", "list")] == [False, True]


def test_when_the_default_bot_is_removed_it_is_said_who_answers_now() -> None:
    for name in ("home", "work", "garden"):
        ask_json("bot", "add", name)
    ask_json("bot", "default", "home")
    assert "by default" not in run("bot", "remove", "garden").stderr
    assert "It answered by default; now bot 2 (work) does." in run("bot", "remove", "home").stderr
    assert "`eyeclaw bot default BOT` chooses one" in run("bot", "remove", "work").stderr


def test_a_variable_that_stands_for_an_option_is_named_in_its_help() -> None:
    for command in ("ask", "chat", "connect"):
        assert "EYECLAW_SERVER" in run(command, "--help").stdout


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
