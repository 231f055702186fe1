"""Bots: by command with a token, by configuration with a provider, and who is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_helpers import NOON, opened, read_all_bytes

from eyeclaw_trio.core.directory import digest
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.store.bots import (
    ConfiguredBot,
    add_bot,
    change_provider,
    enter_configured_bots,
    list_bots,
    new_token,
    remove_bot,
    rename_bot,
    unbind_bot,
)
from eyeclaw_trio.store.keys import create_key, list_keys
from eyeclaw_trio.store.sessions import (
    KEPT_SESSIONS,
    BotSession,
    Presence,
    close_left_sessions,
    list_presence,
    write_session,
)
from eyeclaw_trio.store.snapshot import load_directory


def test_a_linked_bot_has_a_token_of_which_only_the_digest_is_at_rest(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        bot, token = add_bot(db, "home", now=NOON)
        assert token is not None
        assert token.startswith("bt_")
        assert load_directory(db).find_bot_by_token(token) == bot
    assert token.encode() not in read_all_bytes(tmp_path)
    assert digest(token) in read_all_bytes(tmp_path)


def test_an_embedded_bot_has_no_token_and_gets_none(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        bot, token = add_bot(db, "home", "echo", "demo", now=NOON)
        assert (token, bot.token_digest, bot.origin) == (None, None, "demo")
        with pytest.raises(StoreError, match="embedded"):
            new_token(db, bot.id)


def test_a_new_token_replaces_the_one_before(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        bot, before = add_bot(db, "home", now=NOON)
        after = new_token(db, bot.id)
        directory = load_directory(db)
    assert before is not None
    assert not directory.is_token_of(bot.id, before)
    assert directory.is_token_of(bot.id, after)


def test_a_name_that_is_taken_is_refused_in_words(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        add_bot(db, "home", now=NOON)
        with pytest.raises(StoreError, match="taken by bot 1"):
            add_bot(db, " home", "echo", now=NOON)


def test_unbinding_frees_the_bot_of_its_wearer(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        bot, _ = add_bot(db, "home", now=NOON)
        db.execute("UPDATE bots SET rokid_user_id = 'wearer'")
        assert load_directory(db).find_bot_of_user("wearer") is not None
        assert unbind_bot(db, bot.id) == bot
        assert load_directory(db).find_bot_of_user("wearer") is None


def test_a_bot_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        for change in (new_token, unbind_bot, remove_bot):
            with pytest.raises(NoSuchRecord, match="no bot 7"):
                change(db, 7)


def test_a_new_default_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        add_bot(db, "first", "echo", is_default=True, now=NOON)
        add_bot(db, "second", "echo", is_default=True, now=NOON)
        assert [bot.name for bot in list_bots(db) if bot.is_default] == ["second"]


def test_bots_of_the_configuration_keep_their_ids_and_stay_when_taken_out(tmp_path: Path) -> None:
    home, work = ConfiguredBot("home", "openclaw", is_default=True), ConfiguredBot("work", "echo")
    with opened(tmp_path) as db:
        first = enter_configured_bots(db, [home, work], NOON)
        create_key(db, "limited", first[0].id, now=NOON)
        assert enter_configured_bots(db, [home, work], NOON) == first
        [alone] = enter_configured_bots(db, [work], NOON)
        assert alone == first[1]
        left = list_bots(db)[0]
        assert (left.name, left.is_configured, left.is_default) == ("home", False, False)
        moved = ConfiguredBot("home", "other")
        again = enter_configured_bots(db, [work, moved], NOON)
        assert [bot.id for bot in again] == [first[1].id, first[0].id]
        assert (again[1].provider, again[1].is_configured) == ("other", True)
        assert [key.bot_id for key in list_keys(db)] == [first[0].id]


def test_a_bot_added_by_command_becomes_the_configurations_and_its_token_ends(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        bot, token = add_bot(db, "home", is_default=True, now=NOON)
        assert token is not None
        [entered] = enter_configured_bots(db, [ConfiguredBot("home", "echo")], NOON)
        assert (entered.id, entered.origin, entered.is_default) == (bot.id, "config", False)
        assert load_directory(db).find_bot_by_token(token) is None


def test_a_default_of_the_configuration_is_the_only_one(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        add_bot(db, "added", "echo", is_default=True, now=NOON)
        enter_configured_bots(db, [ConfiguredBot("home", "echo")], NOON)
        assert [bot.name for bot in list_bots(db) if bot.is_default] == ["added"]
        enter_configured_bots(db, [ConfiguredBot("home", "echo", is_default=True)], NOON)
        assert [bot.name for bot in list_bots(db) if bot.is_default] == ["home"]


def test_a_configuration_with_one_name_twice_enters_nothing(tmp_path: Path) -> None:
    twice = [ConfiguredBot("home", "echo"), ConfiguredBot("home ", "openclaw")]
    with opened(tmp_path) as db:
        with pytest.raises(StoreError, match="same name"):
            enter_configured_bots(db, twice, NOON)
        assert list_bots(db) == ()


def test_presence_is_that_of_an_open_session_or_else_of_the_newest(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        for name in ("open", "closed", "never"):
            add_bot(db, name, now=NOON)
        for session in (
            BotSession("a", 1, "10", "18"),
            BotSession("b", 1, "11", "15"),
            BotSession("c", 1, "12", "19", "20"),
            BotSession("d", 2, "13", "17", "17"),
            BotSession("e", 2, "05", "06", "06"),  # the wall clock went back
            BotSession("f", 99, "10", "10"),  # a bot that has been removed
        ):
            write_session(db, session)
        presences = list_presence(db)
        assert presences == {1: Presence(1, "18", True), 2: Presence(2, "06", False)}
        close_left_sessions(db)
        rows = db.execute("SELECT disconnected_at FROM bot_sessions WHERE bot_id = 1").fetchall()
    assert rows == [("18",), ("15",), ("20",)]


def test_old_sessions_of_a_bot_are_forgotten_and_open_ones_are_not(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        add_bot(db, "home", now=NOON)
        write_session(db, BotSession("open", 1, "0", "0"))
        for number in range(KEPT_SESSIONS + 5):
            write_session(db, BotSession(str(number), 1, "1", "1", "2"))
        rows = db.execute("SELECT session_id FROM bot_sessions ORDER BY number").fetchall()
    assert [row[0] for row in rows] == ["open", *map(str, range(5, KEPT_SESSIONS + 5))]


def test_a_renamed_bot_keeps_its_token_and_one_of_the_configuration_is_renamed_there(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        bot, token = add_bot(db, "home", now=NOON)
        assert token is not None
        assert rename_bot(db, bot.id, " desk ").name == "desk"
        assert rename_bot(db, bot.id, "desk").name == "desk"
        found = load_directory(db).find_bot_by_token(token)
        assert found is not None
        assert found.name == "desk"
        (configured,) = enter_configured_bots(db, [ConfiguredBot("file", "echo")], NOON)
        with pytest.raises(StoreError, match="rename it there"):
            rename_bot(db, configured.id, "other")
        with pytest.raises(StoreError, match="taken by bot"):
            rename_bot(db, bot.id, "file")
        enter_configured_bots(db, [], NOON)
        assert rename_bot(db, configured.id, "other").name == "other"


def test_an_embedded_bot_gets_another_provider_and_no_other_bot_does(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        linked, _ = add_bot(db, "linked", now=NOON)
        echo, _ = add_bot(db, "echo", "echo", now=NOON)
        (configured,) = enter_configured_bots(db, [ConfiguredBot("file", "echo")], NOON)
        assert change_provider(db, echo.id, "zhipu").provider == "zhipu"
        for bot, why in ((linked, "is linked"), (configured, "in the configuration")):
            with pytest.raises(StoreError, match=why):
                change_provider(db, bot.id, "zhipu")
