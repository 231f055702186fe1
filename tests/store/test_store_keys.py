"""Access keys: a digest at rest, a secret shown once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from store_helpers import NOON, NOON_STAMP, opened, read_all_bytes

from eyeclaw_trio.core.directory import digest
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.store.bots import add_bot, remove_bot
from eyeclaw_trio.store.keys import (
    create_key,
    limit_key,
    list_keys,
    restore_key,
    revoke_key,
    rotate_key,
)
from eyeclaw_trio.store.snapshot import load_directory


def test_a_key_is_shown_once_and_only_its_digest_is_at_rest(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        key, secret = create_key(db, " glasses ", now=NOON)
        while_open = read_all_bytes(tmp_path)
    at_rest = read_all_bytes(tmp_path)
    assert secret.startswith("ak_")
    assert len(secret) == 3 + 43
    assert secret.startswith(key.prefix)
    assert (key.id, key.name, key.bot_id, key.is_active) == (1, "glasses", None, True)
    assert (key.created_at, key.last_used_at) == (NOON_STAMP, None)
    for found in (while_open, at_rest):
        assert secret.encode() not in found
        assert secret[8:].encode() not in found
        assert digest(secret) in found


def test_a_key_opens_until_it_is_revoked_and_again_when_it_is_restored(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        key, secret = create_key(db, "glasses", now=NOON)
        assert load_directory(db).find_key(secret) == key
        assert revoke_key(db, key.id).is_active is False
        assert revoke_key(db, key.id).is_active is False
        assert load_directory(db).find_key(secret) is None
        assert restore_key(db, key.id) == key
        assert load_directory(db).find_key(secret) == key


@pytest.mark.parametrize("key_id", [0, -1, 7, 2**80])
def test_a_key_that_is_not_there_is_said_so(tmp_path: Path, key_id: int) -> None:
    with opened(tmp_path) as db:
        for change in (revoke_key, restore_key):
            with pytest.raises(NoSuchRecord, match=f"no key {key_id}"):
                change(db, key_id)
        with pytest.raises(NoSuchRecord, match=f"no bot {key_id}"):
            create_key(db, "glasses", key_id, now=NOON)


@pytest.mark.parametrize("name", ["", " \t\n", "x" * 129, "a\x00b", "a\x1b[2J", "\ud800"])
def test_a_name_that_is_blank_too_long_or_not_text_is_refused(tmp_path: Path, name: str) -> None:
    with opened(tmp_path) as db:
        with pytest.raises(StoreError):
            create_key(db, name, now=NOON)
        assert list_keys(db) == ()


def test_a_name_of_128_characters_of_any_script_is_taken(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        for name in ("若" * 128, "👩‍👩‍👧", "two keys", "two keys"):
            assert create_key(db, name, now=NOON)[0].name == name


def test_removing_a_bot_takes_its_keys_along_and_leaves_the_others(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        bot, _ = add_bot(db, "home", now=NOON)
        _, limited = create_key(db, "limited", bot.id, now=NOON)
        _, general = create_key(db, "general", now=NOON)
        remove_bot(db, bot.id)
        directory = load_directory(db)
    assert directory.find_key(limited) is None
    assert directory.find_key(general) is not None


def test_ids_of_what_was_removed_are_never_given_again(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        bot, _ = add_bot(db, "home", now=NOON)
        key, _ = create_key(db, "limited", bot.id, now=NOON)
        remove_bot(db, bot.id)
    with opened(tmp_path) as db:
        again, _ = add_bot(db, "home", now=NOON)
        assert again.id > bot.id
        assert create_key(db, "limited", again.id, now=NOON)[0].id > key.id


def test_a_new_key_takes_the_place_of_an_old_one_which_opens_for_the_grace_time_still(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        bot, _ = add_bot(db, "home", now=NOON)
        key, secret = create_key(db, "glasses", bot.id, now=NOON)
        made = rotate_key(db, key.id, timedelta(hours=2), now=NOON)
        assert (made.key.name, made.key.bot_id) == ("glasses", bot.id)
        assert made.key.id != key.id
        assert made.old.open_until == "2026-01-31T14:00:00.000Z"
        for after, is_open in ((0.0, True), (7199.9, True), (7200.0, False), (1e7, False)):
            directory = load_directory(db, NOON + timedelta(seconds=after))
            found = directory.find_key(secret)
            assert (found is not None) is is_open
            assert directory.find_key(made.secret) == made.key


def test_without_a_grace_time_the_old_key_is_of_no_use_from_then_on(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        key, secret = create_key(db, "glasses", now=NOON)
        assert rotate_key(db, key.id, timedelta(), now=NOON).old.is_active is False
        assert load_directory(db, NOON).find_key(secret) is None


def test_an_old_key_that_is_restored_opens_without_an_end(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        key, secret = create_key(db, "glasses", now=NOON)
        rotate_key(db, key.id, timedelta(), now=NOON)
        assert restore_key(db, key.id).open_until is None
        assert load_directory(db, NOON + timedelta(days=9_000)).find_key(secret) is not None


def test_a_revoked_or_unknown_key_and_a_wrong_grace_time_change_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        key, _ = create_key(db, "glasses", now=NOON)
        for grace in (timedelta(seconds=-1), timedelta(days=3_651)):
            with pytest.raises(StoreError, match="grace"):
                rotate_key(db, key.id, grace, now=NOON)
        revoke_key(db, key.id)
        with pytest.raises(StoreError, match="revoked"):
            rotate_key(db, key.id, now=NOON)
        with pytest.raises(NoSuchRecord, match="no key 7"):
            rotate_key(db, 7, now=NOON)
        assert len(list_keys(db)) == 1


def test_a_key_is_limited_to_a_bot_and_freed_again(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        bot, _ = add_bot(db, "home", now=NOON)
        key, _ = create_key(db, "glasses", now=NOON)
        assert limit_key(db, key.id, bot.id).bot_id == bot.id
        assert limit_key(db, key.id, None).bot_id is None
        with pytest.raises(NoSuchRecord, match="no bot 7"):
            limit_key(db, key.id, 7)
