"""Sessions of bots: which links lived when, and what that says about who is there.

A session is written as a whole, again and again, and not as events: a write that was lost on a
full disk is made good by the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

import attrs
from attrs import frozen

from eyeclaw_trio.store.database import transaction, translated

# Sessions kept per bot: enough to see a link that flaps, too few to fill a disk.
KEPT_SESSIONS: Final = 20


@frozen
class BotSession:
    """One link of a bot. Times are ISO 8601, UTC; `metadata` is a JSON object as text."""

    session_id: str
    bot_id: int
    connected_at: str
    last_ping_at: str
    disconnected_at: str | None = None
    metadata: str = "{}"


@frozen
class Presence:
    """When a bot was heard of last, and whether a link of it has not ended.

    It says what the gateway wrote last. Where no gateway runs (`is_folder_held`) nobody is there,
    whatever it says; where `last_ping_at` is older than `presence_timeout` the bot is offline.
    """

    bot_id: int
    last_ping_at: str
    is_open: bool


def write_session(db: sqlite3.Connection, session: BotSession) -> None:
    """Write the session as it is now, within the caller's transaction.

    Of a bot that has been removed nothing is written.
    """
    db.execute(
        "INSERT INTO bot_sessions"
        " (session_id, bot_id, connected_at, last_ping_at, disconnected_at, metadata)"
        " SELECT :session_id, :bot_id, :connected_at, :last_ping_at, :disconnected_at, :metadata"
        " WHERE EXISTS (SELECT 1 FROM bots WHERE id = :bot_id)"
        " ON CONFLICT (session_id) DO UPDATE SET"
        " last_ping_at = excluded.last_ping_at, disconnected_at = excluded.disconnected_at",
        attrs.asdict(session),
    )
    if session.disconnected_at is not None:
        db.execute(
            "DELETE FROM bot_sessions WHERE bot_id = :bot_id AND disconnected_at IS NOT NULL"
            " AND number NOT IN (SELECT number FROM bot_sessions WHERE bot_id = :bot_id"
            " ORDER BY number DESC LIMIT :kept)",
            {"bot_id": session.bot_id, "kept": KEPT_SESSIONS},
        )


def close_left_sessions(db: sqlite3.Connection) -> None:
    """End the sessions that a gateway left open when it died, at the time they were heard last."""
    with transaction(db):
        db.execute(
            "UPDATE bot_sessions SET disconnected_at = last_ping_at WHERE disconnected_at IS NULL"
        )


def list_bot_sessions(db: sqlite3.Connection, bot_id: int) -> tuple[BotSession, ...]:
    """The sessions of this bot that are kept, the newest first. Raises StoreError."""
    with translated():
        rows = db.execute(
            "SELECT session_id, bot_id, connected_at, last_ping_at, disconnected_at, metadata"
            " FROM bot_sessions WHERE bot_id = ? ORDER BY number DESC",
            (bot_id,),
        ).fetchall()
    return tuple(BotSession(*row) for row in rows)


def list_presence(db: sqlite3.Connection) -> Mapping[int, Presence]:
    """The presence of every bot that has ever been there, by its id."""
    with translated():
        rows = db.execute(
            "SELECT bot_id, last_ping_at, disconnected_at IS NULL FROM bot_sessions ORDER BY number"
        ).fetchall()
    presences: dict[int, Presence] = {}
    for bot_id, last_ping_at, is_open in rows:
        before = presences.get(bot_id)
        if before is not None and before.is_open:
            # An open link counts, however many newer ones have ended; of two the later word does.
            if not is_open:
                continue
            last_ping_at = max(before.last_ping_at, last_ping_at)
        presences[bot_id] = Presence(bot_id, last_ping_at, bool(is_open))
    return presences
