"""Keys, on the command line."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_runner import ask_json, failure, go_home, run

from eyeclaw_trio.core.directory import digest
from eyeclaw_trio.store import keys
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.snapshot import load_directory


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return go_home(tmp_path, monkeypatch)


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
