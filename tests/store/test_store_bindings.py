"""Codes that bind, and what is said of wearers, in the data folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from eyeclaw_trio.core.binding import LIFETIME, write_code
from eyeclaw_trio.errors import BindingFault, BindingRefused, NoSuchRecord, StoreError
from eyeclaw_trio.store.bindings import bind_wearer, look_at_code, make_binding_code
from eyeclaw_trio.store.bots import add_bot, list_bots, remove_bot, unbind_bot
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.snapshot import load_directory
from eyeclaw_trio.store.wearers import forget_wearer, list_wearers, say_standing

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "data")) as db:
        for name in ("one", "two"):
            add_bot(db, name, now=NOW)
        yield db


def fault_of(db: sqlite3.Connection, texts: list[str], user_id: str, now: datetime = NOW) -> str:
    before = list_bots(db)
    with pytest.raises(BindingRefused) as refused:
        bind_wearer(db, texts, user_id, now)
    assert list_bots(db) == before
    return refused.value.code


def wearers_of(db: sqlite3.Connection) -> dict[int, str | None]:
    return {bot.id: bot.rokid_user_id for bot in list_bots(db)}


def test_a_code_binds_once_and_only_its_digest_is_kept(db: sqlite3.Connection) -> None:
    code = make_binding_code(db, 1, NOW)
    assert code.expires_at == "2026-11-30T12:05:00.000Z"
    assert code.text not in repr(code)
    assert code.text not in str(db.execute("SELECT * FROM binding_codes").fetchall())
    assert look_at_code(db, code.text, NOW).used_by is None
    assert bind_wearer(db, ["https://x", code.text], "anna", NOW).rokid_user_id == "anna"
    assert wearers_of(db) == {1: "anna", 2: None}
    assert look_at_code(db, code.text, NOW).used_by == "anna"
    directory = load_directory(db)
    found = directory.find_bot_of_user("anna")
    assert found is not None
    assert found.id == 1
    # The same photo once more is no fault of hers; of anybody else it is.
    assert bind_wearer(db, [code.text], "anna", NOW).id == 1
    assert fault_of(db, [code.text], "ben") == "code_used"


def test_every_refusal_has_its_own_reason_and_changes_nothing(db: sqlite3.Connection) -> None:
    code, other = make_binding_code(db, 1, NOW), make_binding_code(db, 1, NOW)
    late = NOW + LIFETIME
    assert fault_of(db, [], "anna") == "code_missing"
    assert fault_of(db, ["https://example.org"], "anna") == "code_unknown"
    assert fault_of(db, [write_code(b"x" * 16)], "anna") == "code_unknown"
    assert fault_of(db, [code.text], "anna", late) == "code_expired"
    assert fault_of(db, [code.text], "anna", NOW - timedelta(seconds=1)) == "code_expired"
    assert look_at_code(db, code.text, late).is_over
    bind_wearer(db, [code.text], "anna", NOW)
    assert fault_of(db, [other.text], "ben") == "bot_taken"
    assert fault_of(db, [code.text], "ben", late) == "code_used"
    unbind_bot(db, 1)
    assert fault_of(db, [code.text], "anna") == "code_used"
    assert {fault.value for fault in BindingFault} >= {"no_user_id", "bot_taken"}


def test_a_key_for_one_bot_binds_to_no_other(db: sqlite3.Connection) -> None:
    code = make_binding_code(db, 1, NOW)
    with pytest.raises(BindingRefused) as refused:
        bind_wearer(db, [code.text], "anna", NOW, only_bot=2)
    assert refused.value.fault is BindingFault.UNKNOWN
    assert bind_wearer(db, [code.text], "anna", NOW, only_bot=1).id == 1


def test_a_wearer_belongs_to_the_bot_that_he_was_bound_to_last(db: sqlite3.Connection) -> None:
    bind_wearer(db, [make_binding_code(db, 1, NOW).text], "anna", NOW)
    bind_wearer(db, [make_binding_code(db, 2, NOW).text], "anna", NOW)
    assert wearers_of(db) == {1: None, 2: "anna"}


def test_of_two_wearers_with_one_code_one_is_bound(tmp_path: Path, db: sqlite3.Connection) -> None:
    for _ in range(5):
        code = make_binding_code(db, 1, NOW)
        start, outcomes = Barrier(2), dict[str, str]()

        def bind(user_id: str, text: str, start: Barrier, outcomes: dict[str, str]) -> None:
            with closing(open_database(tmp_path / "data")) as own:
                start.wait()
                try:
                    outcomes[user_id] = f"bot {bind_wearer(own, [text], user_id, NOW).id}"
                except BindingRefused as refused:
                    outcomes[user_id] = refused.code

        threads = [Thread(target=bind, args=(n, code.text, start, outcomes)) for n in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes.values()) == ["bot 1", "code_used"]
        [bound] = [user_id for user_id, outcome in outcomes.items() if outcome == "bot 1"]
        assert wearers_of(db)[1] == bound
        unbind_bot(db, 1)


def test_codes_go_with_their_bot_and_after_a_day(db: sqlite3.Connection) -> None:
    code = make_binding_code(db, 1, NOW)
    make_binding_code(db, 2, NOW + timedelta(hours=23))
    assert fault_of(db, [code.text], "anna", NOW + timedelta(hours=23)) == "code_expired"
    make_binding_code(db, 2, NOW + timedelta(hours=25))
    assert fault_of(db, [code.text], "anna") == "code_unknown"
    code = make_binding_code(db, 1, NOW)
    remove_bot(db, 1)
    assert look_at_code(db, code.text, NOW).is_over
    assert fault_of(db, [code.text], "anna") == "code_unknown"
    with pytest.raises(NoSuchRecord):
        make_binding_code(db, 1, NOW)


# ---- what is said of wearers --------------------------------------------------------------------


def test_a_wearer_is_allowed_blocked_and_forgotten(db: sqlite3.Connection) -> None:
    say_standing(db, "anna", "blocked", NOW)
    say_standing(db, "ben", "allowed", NOW)
    say_standing(db, "anna", "allowed", NOW)
    say_standing(db, "carl", "blocked", NOW)
    bind_wearer(db, [make_binding_code(db, 1, NOW).text], "dora", NOW)
    assert load_directory(db).standings == {"anna": "allowed", "ben": "allowed", "carl": "blocked"}
    listed = {each.user_id: (each.standing, each.bound_bot_id) for each in list_wearers(db)}
    assert listed == {
        "anna": ("allowed", None),
        "ben": ("allowed", None),
        "carl": ("blocked", None),
        "dora": (None, 1),
    }
    say_standing(db, "ben", None, NOW)
    for user_id in ("anna", "carl", "dora", "nobody"):
        forget_wearer(db, user_id)
    assert list_wearers(db) == ()
    assert wearers_of(db) == {1: None, 2: None}
    assert load_directory(db).standings == {}
    used = db.execute("SELECT used_by FROM binding_codes").fetchall()
    assert used == [("",)]


@pytest.mark.parametrize("user_id", ["", " ", "x" * 129])
def test_an_id_that_no_wearer_can_have_is_refused(db: sqlite3.Connection, user_id: str) -> None:
    with pytest.raises(StoreError):
        say_standing(db, user_id, "blocked", NOW)
