"""Access keys: made, listed, revoked, replaced. Only their SHA-256 is kept; a key is shown once."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.directory import KEY_PREFIX, SHOWN_PREFIX, AccessKey, digest
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.columns import check_name, read_clock
from eyeclaw_trio.store.database import transaction, translated

# 256 bits: beyond guessing, which is why the digest needs neither salt nor many rounds.
SECRET_BYTES: Final = 32
# How long an old key opens still, where nothing else is said, and at most (PROTOCOL 1: the
# platform goes on for a while to send the key that was changed there).
GRACE: Final = timedelta(days=7)
LONGEST_GRACE: Final = timedelta(days=3_650)


@frozen
class Rotation:
    """A new key, its secret, and the old one in whose place it is."""

    key: AccessKey
    secret: str
    old: AccessKey


def create_key(
    db: sqlite3.Connection, name: str, bot_id: int | None = None, *, now: datetime
) -> tuple[AccessKey, str]:
    """Make a key, for one bot only when `bot_id` is given. Returns it and its secret.

    Nobody can show the secret again. Raises NoSuchRecord where there is no such bot, StoreError
    for a name that is blank or longer than 128 characters.
    """
    name = check_name(name)
    with transaction(db):
        if bot_id is not None and not _is_bot(db, bot_id):
            raise NoSuchRecord(f"there is no bot {bot_id}")
        return _insert_key(db, name, bot_id, now)


def list_keys(db: sqlite3.Connection, now: datetime | None = None) -> tuple[AccessKey, ...]:
    """All keys in the order of their ids, revoked ones too, as they are `now`: by the wall clock,
    where nothing else is said."""
    stamp = to_stamp(now or read_clock())
    with translated():
        rows = db.execute(
            "SELECT id, name, prefix, digest, bot_id, is_active, created_at, last_used_at,"
            " open_until FROM access_keys ORDER BY id"
        ).fetchall()
    return tuple(
        AccessKey(
            id=row[0],
            name=row[1],
            prefix=row[2],
            digest=row[3],
            bot_id=row[4],
            # Derived, and never written: no full disk keeps an old key open.
            is_active=bool(row[5]) and not is_past(row[8], stamp),
            created_at=row[6],
            last_used_at=row[7],
            open_until=row[8],
        )
        for row in rows
    )


def revoke_key(db: sqlite3.Connection, key_id: int) -> AccessKey:
    """Make a key worthless until it is restored; twice is as good as once. Raises NoSuchRecord."""
    return _set_active(db, key_id, is_active=False)


def restore_key(db: sqlite3.Connection, key_id: int) -> AccessKey:
    """Make a revoked key work again. Raises NoSuchRecord."""
    return _set_active(db, key_id, is_active=True)


def limit_key(db: sqlite3.Connection, key_id: int, bot_id: int | None) -> AccessKey:
    """Have a key open this bot only, or with None every bot. Raises NoSuchRecord."""
    with transaction(db):
        key = _get_key(db, key_id)
        if bot_id is not None and not _is_bot(db, bot_id):
            raise NoSuchRecord(f"there is no bot {bot_id}")
        db.execute("UPDATE access_keys SET bot_id = ? WHERE id = ?", (bot_id, key.id))
        return _get_key(db, key_id)


def rotate_key(
    db: sqlite3.Connection, key_id: int, grace: timedelta = GRACE, *, now: datetime
) -> Rotation:
    """Make a new key of the same name for the same bot; the old one opens for `grace` still.

    Nobody can show the new secret again. Raises NoSuchRecord, and StoreError where the old key is
    revoked, or for a grace time below nothing or beyond LONGEST_GRACE.
    """
    if not timedelta() <= grace <= LONGEST_GRACE:
        raise _wrong_grace()
    with transaction(db):
        old = _get_key(db, key_id, now)
        if not old.is_active:
            raise StoreError(f"key {key_id} is revoked: restore it first, or make another one")
        db.execute(
            "UPDATE access_keys SET open_until = ? WHERE id = ?", (to_stamp(now + grace), key_id)
        )
        key, secret = _insert_key(db, old.name, old.bot_id, now)
        return Rotation(key, secret, _get_key(db, key_id, now))


def read_grace(seconds: int) -> timedelta:
    """So many seconds as a grace time. Raises StoreError for one that can be none."""
    if not 0 <= seconds <= LONGEST_GRACE.total_seconds():
        raise _wrong_grace()
    return timedelta(seconds=seconds)


def is_past(stamp: str | None, now: str) -> bool:
    """Whether this moment has come; None never does. Both as `to_stamp` has them."""
    return stamp is not None and stamp <= now


def note_use(db: sqlite3.Connection, key_id: int, stamp: str) -> None:
    """Write when a key was used last, within the caller's transaction; a key gone is no error."""
    db.execute("UPDATE access_keys SET last_used_at = ? WHERE id = ?", (stamp, key_id))


def _set_active(db: sqlite3.Connection, key_id: int, *, is_active: bool) -> AccessKey:
    with transaction(db):
        key = _get_key(db, key_id)  # raises where there is none
        # Either way it is a key as any other afterwards, also one that had a new one in its place.
        db.execute(
            "UPDATE access_keys SET is_active = ?, open_until = NULL WHERE id = ?",
            (is_active, key.id),
        )
        return _get_key(db, key_id)


def _wrong_grace() -> StoreError:
    return StoreError("the grace time must be between nothing and ten years")


def _insert_key(
    db: sqlite3.Connection, name: str, bot_id: int | None, now: datetime
) -> tuple[AccessKey, str]:
    secret = KEY_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    cursor = db.execute(
        "INSERT INTO access_keys (name, prefix, digest, bot_id, created_at) VALUES (?, ?, ?, ?, ?)",
        (name, secret[:SHOWN_PREFIX], digest(secret), bot_id, to_stamp(now)),
    )
    return _get_key(db, cursor.lastrowid), secret


def _get_key(db: sqlite3.Connection, key_id: int | None, now: datetime | None = None) -> AccessKey:
    # Keys are few: one way of reading them is worth more than a faster second one.
    for key in list_keys(db, now):
        if key.id == key_id:
            return key
    raise NoSuchRecord(f"there is no key {key_id}")


def _is_bot(db: sqlite3.Connection, bot_id: int) -> bool:
    # No id of ours is longer; SQLite cannot take such a number at all.
    if bot_id.bit_length() > 63:
        return False
    return db.execute("SELECT 1 FROM bots WHERE id = ?", (bot_id,)).fetchone() is not None
