"""Bots, on the command line."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_runner import ask_json, failure, go_home, run

from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.sessions import BotSession, write_session


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return go_home(tmp_path, monkeypatch)


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


def test_a_key_that_was_pasted_badly_is_not_called_missing() -> None:
    said = failure("bot", "add", "zhipu", "--provider", "zhipu", ZHIPU_API_KEY="sk-do not-show")
    assert said == "Error: ZHIPU_API_KEY is set, but holds no key: there is a space in it\n"
    listed = run("providers", ZHIPU_API_KEY="sk-do not-show")
    assert listed.exit_code == 0
    assert "zhipu: ZHIPU_API_KEY is set, but holds no key: there is a space in it" in listed.stderr
    assert "zhipu (" not in listed.stderr  # it is not there "as soon as its key is set"
    assert "do not" not in listed.output


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


@pytest.mark.parametrize(
    ("user_id", "status", "said"),
    [("anna", 0, "Bound to wearer anna."), (None, 1, "Nobody has used the code in time")],
)
def test_the_code_of_a_binding_is_drawn_and_what_becomes_of_it_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, user_id: str | None, status: int, said: str
) -> None:
    monkeypatch.setattr("eyeclaw_trio.cli.bots.wait_until_used", lambda *_: user_id)
    ask_json("bot", "add", "home")
    result = run("bot", "bind", "home")
    assert result.exit_code == status
    assert said in result.stderr
    assert 'binding = "off"' in result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) > 12
    assert len({len(line) for line in lines}) == 1
    assert "EYECLAW:" not in result.output
    told = [json.loads(line) for line in run("bot", "bind", "1", "--json").stdout.splitlines()]
    assert [each["event"] for each in told] == ["code", "bound" if user_id else "expired"]


def test_who_shows_the_code_of_a_bot_that_is_bound_is_told_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyeclaw_trio.cli.bots.wait_until_used", lambda *_: None)
    (folder / "eyeclaw.toml").write_text('binding = "required"\n')
    ask_json("bot", "add", "home")
    assert "bound already" not in run("bot", "bind", "1").stderr
    with closing(open_database(folder / "data")) as db, transaction(db):
        db.execute("UPDATE bots SET rokid_user_id = 'u1'")
    told = run("bot", "bind", "1").stderr
    assert "bound already: `eyeclaw bot unbind BOT` comes first" in told
    assert "Nobody is asked for it" not in told
    assert "2" in run("bot", "bind", "2").stderr
