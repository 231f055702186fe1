"""Who may see the pages: the owner's password, the browsers that are signed in, and the tokens of
scripts. No secret is here: digests, and what `admin/passwords` makes of a password."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.directory import SHOWN_PREFIX, digest
from eyeclaw_trio.errors import NoSuchRecord
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.columns import check_name
from eyeclaw_trio.store.database import transaction, translated
from eyeclaw_trio.store.keys import SECRET_BYTES

# What every token begins with.
TOKEN_PREFIX: Final = "at_"  # noqa: S105
# Browsers that are signed in at once; one more signs out the one that was seen least recently.
SESSIONS: Final = 100


@frozen
class AdminSession:
    """A browser that is signed in; `address` and `browser` are what it said when it signed in."""

    id: int
    address: str
    browser: str
    created_at: str
    last_seen_at: str


@frozen
class AdminToken:
    """A bearer token of a script, without what is secret in it."""

    id: int
    name: str
    prefix: str
    created_at: str
    last_used_at: str | None


# ---- the owner's password -----------------------------------------------------------------------


def read_password(db: sqlite3.Connection) -> str | None:
    """What is kept of the owner's password; None before the first visit."""
    with translated():
        row = db.execute("SELECT password FROM admin_owner").fetchone()
    return None if row is None else str(row[0])


def set_password(db: sqlite3.Connection, kept: str, *, now: datetime) -> int:
    """Set or replace what is kept of the password, and end every session; returns how many those
    were. Raises StoreError."""
    with transaction(db):
        db.execute("INSERT OR REPLACE INTO admin_owner VALUES (1, ?, ?)", (kept, to_stamp(now)))
        return db.execute("DELETE FROM admin_sessions").rowcount


def set_first_password(db: sqlite3.Connection, kept: str, *, now: datetime) -> bool:
    """The same for the first visit: false, and nothing is changed, where there is one already."""
    with transaction(db):
        added = db.execute(
            "INSERT OR IGNORE INTO admin_owner VALUES (1, ?, ?)", (kept, to_stamp(now))
        )
        return added.rowcount == 1


# ---- sessions -----------------------------------------------------------------------------------


def add_session(
    db: sqlite3.Connection,
    kept: str,
    *,
    address: str,
    browser: str,
    running_time: float,
    lasts: float,
    now: datetime,
) -> str | None:
    """Sign a browser in for so many seconds of running time, with the password of which this is
    kept; returns the session's secret, or None where the password was changed meanwhile."""
    secret, stamp = secrets.token_urlsafe(SECRET_BYTES), to_stamp(now)
    with transaction(db):
        if read_password(db) != kept:
            return None
        db.execute("DELETE FROM admin_sessions WHERE expires <= ?", (running_time,))
        db.execute(
            "INSERT INTO admin_sessions"
            " (digest, address, browser, created_at, last_seen_at, expires)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (digest(secret), address, browser, stamp, stamp, running_time + lasts),
        )
        db.execute(
            "DELETE FROM admin_sessions WHERE id NOT IN"
            " (SELECT id FROM admin_sessions ORDER BY last_seen_at DESC, id DESC LIMIT ?)",
            (SESSIONS,),
        )
    return secret


def find_session(db: sqlite3.Connection, secret: str, running_time: float) -> AdminSession | None:
    """The session of this secret, unless it is over."""
    with translated():
        row = db.execute(
            "SELECT id, address, browser, created_at, last_seen_at FROM admin_sessions"
            " WHERE digest = ? AND expires > ?",
            (digest(secret), running_time),
        ).fetchone()
    return None if row is None else AdminSession(*row)


def list_sessions(db: sqlite3.Connection, running_time: float) -> list[AdminSession]:
    """The browsers that are signed in, the latest first."""
    with translated():
        rows = db.execute(
            "SELECT id, address, browser, created_at, last_seen_at FROM admin_sessions"
            " WHERE expires > ? ORDER BY id DESC",
            (running_time,),
        ).fetchall()
    return [AdminSession(*row) for row in rows]


def end_session(db: sqlite3.Connection, session_id: int) -> None:
    """Sign a browser out. Raises NoSuchRecord."""
    statement = "DELETE FROM admin_sessions WHERE id = ?"
    _delete(db, statement, session_id, f"there is no session {session_id}")


def end_sessions(db: sqlite3.Connection) -> None:
    """Sign every browser out. Raises StoreError."""
    with transaction(db):
        db.execute("DELETE FROM admin_sessions")


def note_session_seen(db: sqlite3.Connection, session_id: int, stamp: str) -> None:
    """Write when a browser was seen last, within the caller's transaction."""
    db.execute("UPDATE admin_sessions SET last_seen_at = ? WHERE id = ?", (stamp, session_id))


# ---- tokens -------------------------------------------------------------------------------------


def create_token(db: sqlite3.Connection, name: str, *, now: datetime) -> tuple[AdminToken, str]:
    """Make a token; returns it and its secret, which nobody can show again. Raises StoreError for
    a name that is blank or longer than 128 characters."""
    name = check_name(name)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with transaction(db):
        cursor = db.execute(
            "INSERT INTO admin_tokens (name, prefix, digest, created_at) VALUES (?, ?, ?, ?)",
            (name, secret[:SHOWN_PREFIX], digest(secret), to_stamp(now)),
        )
    made = next(each for each in list_tokens(db) if each.id == cursor.lastrowid)
    return made, secret


def find_token(db: sqlite3.Connection, secret: str) -> AdminToken | None:
    """The token whose secret this is."""
    with translated():
        row = db.execute(
            "SELECT id, name, prefix, created_at, last_used_at FROM admin_tokens WHERE digest = ?",
            (digest(secret),),
        ).fetchone()
    return None if row is None else AdminToken(*row)


def list_tokens(db: sqlite3.Connection) -> list[AdminToken]:
    """All tokens in the order of their ids."""
    with translated():
        rows = db.execute(
            "SELECT id, name, prefix, created_at, last_used_at FROM admin_tokens ORDER BY id"
        ).fetchall()
    return [AdminToken(*row) for row in rows]


def revoke_token(db: sqlite3.Connection, token_id: int) -> None:
    """Make a token worthless for ever. Raises NoSuchRecord."""
    statement = "DELETE FROM admin_tokens WHERE id = ?"
    _delete(db, statement, token_id, f"there is no token {token_id}")


def note_token_used(db: sqlite3.Connection, token_id: int, stamp: str) -> None:
    """Write when a token was used last, within the caller's transaction."""
    db.execute("UPDATE admin_tokens SET last_used_at = ? WHERE id = ?", (stamp, token_id))


def _delete(db: sqlite3.Connection, statement: str, record_id: int, missing: str) -> None:
    try:
        with transaction(db):
            gone = db.execute(statement, (record_id,)).rowcount
    except OverflowError:  # no id of ours is longer; SQLite cannot take such a number at all
        raise NoSuchRecord(missing) from None
    if not gone:
        raise NoSuchRecord(missing)
