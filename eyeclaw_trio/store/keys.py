"""Access keys: made, listed, revoked. Only their SHA-256 is kept; a key is shown once."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import datetime
from typing import Final

from eyeclaw_trio.core.directory import KEY_PREFIX, SHOWN_PREFIX, AccessKey, digest
from eyeclaw_trio.errors import NoSuchRecord
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.columns import check_name
from eyeclaw_trio.store.database import transaction, translated

# 256 bits: beyond guessing, which is why the digest needs neither salt nor many rounds.
SECRET_BYTES: Final = 32


def create_key(
    db: sqlite3.Connection, name: str, bot_id: int | None = None, *, now: datetime
) -> tuple[AccessKey, str]:
    """Make a key, for one bot only when `bot_id` is given. Returns it and its secret.

    Nobody can show the secret again. Raises NoSuchRecord where there is no such bot, StoreError
    for a name that is blank or longer than 128 characters.
    """
    name = check_name(name)
    secret = KEY_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with transaction(db):
        if bot_id is not None and not _is_bot(db, bot_id):
            raise NoSuchRecord(f"there is no bot {bot_id}")
        cursor = db.execute(
            "INSERT INTO access_keys (name, prefix, digest, bot_id, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (name, secret[:SHOWN_PREFIX], digest(secret), bot_id, to_stamp(now)),
        )
        key = _get_key(db, cursor.lastrowid)
    return key, secret


def list_keys(db: sqlite3.Connection) -> tuple[AccessKey, ...]:
    """All keys in the order of their ids, revoked ones too."""
    with translated():
        rows = db.execute(
            "SELECT id, name, prefix, digest, bot_id, is_active, created_at, last_used_at"
            " FROM access_keys ORDER BY id"
        ).fetchall()
    return tuple(
        AccessKey(
            id=row[0],
            name=row[1],
            prefix=row[2],
            digest=row[3],
            bot_id=row[4],
            is_active=bool(row[5]),
            created_at=row[6],
            last_used_at=row[7],
        )
        for row in rows
    )


def revoke_key(db: sqlite3.Connection, key_id: int) -> AccessKey:
    """Make a key worthless until it is restored; twice is as good as once. Raises NoSuchRecord."""
    return _set_active(db, key_id, is_active=False)


def restore_key(db: sqlite3.Connection, key_id: int) -> AccessKey:
    """Make a revoked key work again. Raises NoSuchRecord."""
    return _set_active(db, key_id, is_active=True)


def note_use(db: sqlite3.Connection, key_id: int, stamp: str) -> None:
    """Write when a key was used last, within the caller's transaction; a key gone is no error."""
    db.execute("UPDATE access_keys SET last_used_at = ? WHERE id = ?", (stamp, key_id))


def _set_active(db: sqlite3.Connection, key_id: int, *, is_active: bool) -> AccessKey:
    with transaction(db):
        key = _get_key(db, key_id)  # raises where there is none
        db.execute("UPDATE access_keys SET is_active = ? WHERE id = ?", (is_active, key.id))
        return _get_key(db, key_id)


def _get_key(db: sqlite3.Connection, key_id: int | None) -> AccessKey:
    # Keys are few: one way of reading them is worth more than a faster second one.
    for key in list_keys(db):
        if key.id == key_id:
            return key
    raise NoSuchRecord(f"there is no key {key_id}")


def _is_bot(db: sqlite3.Connection, bot_id: int) -> bool:
    # No id of ours is longer; SQLite cannot take such a number at all.
    if bot_id.bit_length() > 63:
        return False
    return db.execute("SELECT 1 FROM bots WHERE id = ?", (bot_id,)).fetchone() is not None
