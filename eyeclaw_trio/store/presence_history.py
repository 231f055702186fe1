"""When bots were there: sixty letters for each hour of each bot (core/presence)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from eyeclaw_trio.core.presence import (
    KEPT_HOURS,
    MINUTES,
    NOTHING_KNOWN,
    Hours,
    with_letter,
)
from eyeclaw_trio.store.database import translated


def write_presence(
    db: sqlite3.Connection, minutes: Iterable[int], letters: Mapping[int, str]
) -> None:
    """Write what these minutes (since 1970) were like, by bot, within the caller's transaction.

    Of a bot that has been removed nothing is written. The newest KEPT_HOURS of a bot are kept: by
    number and not by age, so that a wall clock that jumps costs no history (RELIABILITY 10).
    """
    wanted = sorted(minutes)
    for bot_id, letter in letters.items():
        for minute in wanted:
            hour, place = divmod(minute, MINUTES)
            row = db.execute(
                "SELECT minutes FROM bot_presence WHERE bot_id = ? AND hour = ?", (bot_id, hour)
            ).fetchone()
            if row is not None:
                db.execute(
                    "UPDATE bot_presence SET minutes = ? WHERE bot_id = ? AND hour = ?",
                    (with_letter(row[0], place, letter), bot_id, hour),
                )
                continue
            db.execute(
                "INSERT INTO bot_presence (bot_id, hour, minutes) SELECT ?, ?, ?"
                " WHERE EXISTS (SELECT 1 FROM bots WHERE id = ?)",
                (bot_id, hour, with_letter(NOTHING_KNOWN, place, letter), bot_id),
            )
            db.execute(
                "DELETE FROM bot_presence WHERE bot_id = ? AND hour <="
                " (SELECT hour FROM bot_presence WHERE bot_id = ?"
                " ORDER BY hour DESC LIMIT 1 OFFSET ?)",
                (bot_id, bot_id, KEPT_HOURS),
            )


def read_presence(db: sqlite3.Connection, since_hour: int) -> Mapping[int, Hours]:
    """The hours of every bot from this one on (since 1970), by its id. Raises StoreError."""
    found: dict[int, dict[int, str]] = {}
    with translated():
        rows = db.execute(
            "SELECT bot_id, hour, minutes FROM bot_presence WHERE hour >= ?", (since_hour,)
        )
        for bot_id, hour, minutes in rows:
            if len(minutes) == MINUTES:
                found.setdefault(bot_id, {})[hour] = minutes
    return found
