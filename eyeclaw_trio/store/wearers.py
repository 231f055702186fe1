"""Wearers: whom the newest traces tell of, whom a bot belongs to, and what the owner has said of
them."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.directory import Standing
from eyeclaw_trio.errors import StoreError
from eyeclaw_trio.protocol.rokid import LONGEST_ID
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.database import transaction, translated

# Traces that are looked at, the newest ones, and wearers that are named, the latest to ask.
LOOKED_AT: Final = 10_000
NAMED: Final = 500
# Turns of a linked bot that are looked at, and how many have to be alike.
_NEWEST_TURNS: Final = 300
_ALIKE: Final = 3


@frozen
class Wearer:
    """One who has asked, whom a bot is bound to, or of whom the owner has said something. `turns`
    are those among the newest traces; `last_asked_at` and `last_bot_id` are of the last of them."""

    user_id: str
    turns: int
    last_asked_at: str | None
    last_bot_id: int | None
    bound_bot_id: int | None
    standing: Standing | None = None


def list_wearers(db: sqlite3.Connection) -> tuple[Wearer, ...]:
    """The latest to ask first, behind them those who are only bound, then those of whom something
    was said. Raises StoreError."""
    with translated():
        rows = db.execute(
            # The other columns are those of the row with the highest number (SQLite's own rule).
            "SELECT user_id, count(*), created_at, bot_id, max(number) FROM"
            " (SELECT user_id, created_at, bot_id, number"
            " FROM stream_traces INDEXED BY stream_traces_listed"
            " WHERE user_id IS NOT NULL ORDER BY number DESC LIMIT ?)"
            " GROUP BY user_id ORDER BY max(number) DESC LIMIT ?",
            (LOOKED_AT, NAMED),
        ).fetchall()
        bound = dict(
            db.execute(
                "SELECT rokid_user_id, id FROM bots WHERE rokid_user_id IS NOT NULL ORDER BY id"
            ).fetchall()
        )
    said = list_standings(db)
    asked = {user_id: (turns, asked_at, bot_id) for user_id, turns, asked_at, bot_id, _ in rows}
    return tuple(
        Wearer(
            user_id,
            *asked.get(user_id, (0, None, None)),
            bound_bot_id=bound.get(user_id),
            standing=said.get(user_id),
        )
        for user_id in dict.fromkeys([*asked, *bound, *said])
    )


def list_standings(db: sqlite3.Connection) -> dict[str, Standing]:
    """What the owner has said, by `user_id`. Raises StoreError."""
    with translated():
        return dict(
            db.execute("SELECT user_id, standing FROM wearer_standings ORDER BY user_id").fetchall()
        )


def say_standing(
    db: sqlite3.Connection, user_id: str, standing: Standing | None, now: datetime
) -> None:
    """Allow or block a wearer, or with None take back what was said. A running gateway obeys within
    a second. Raises StoreError for an id that no wearer can have."""
    if not 0 < len(user_id.strip()) <= len(user_id) <= LONGEST_ID:
        raise StoreError(f"a wearer's id has 1 to {LONGEST_ID} characters")
    with transaction(db):
        db.execute("DELETE FROM wearer_standings WHERE user_id = ?", (user_id,))
        if standing is not None:
            db.execute(
                "INSERT INTO wearer_standings (user_id, standing, changed_at) VALUES (?, ?, ?)",
                (user_id, standing, to_stamp(now)),
            )


def forget_wearer(db: sqlite3.Connection, user_id: str) -> None:
    """Part a wearer from his bot, take back what was said of him, and take his id out of the kept
    traces. Of one whom nobody knows nothing changes. Raises StoreError."""
    with transaction(db):
        db.execute("UPDATE bots SET rokid_user_id = NULL WHERE rokid_user_id = ?", (user_id,))
        db.execute("DELETE FROM wearer_standings WHERE user_id = ?", (user_id,))
        db.execute("UPDATE binding_codes SET used_by = '' WHERE used_by = ?", (user_id,))
        db.execute("UPDATE stream_traces SET user_id = NULL WHERE user_id = ?", (user_id,))


def find_bots_without_summary(db: sqlite3.Connection) -> frozenset[int]:
    """The linked bots whose newest answers, at least three, all came without a summary: their SDK
    is an old one, and what it loses cannot be healed. Raises StoreError."""
    with translated():
        rows = db.execute(
            "SELECT bot_id FROM (SELECT bot_id, outcome, sdk_total_chunks FROM stream_traces"
            " ORDER BY number DESC LIMIT ?) JOIN bots ON bots.id = bot_id"
            " WHERE outcome = 'answered' AND provider IS NULL"
            " GROUP BY bot_id HAVING count(*) >= ? AND count(sdk_total_chunks) = 0",
            (_NEWEST_TURNS, _ALIKE),
        ).fetchall()
    return frozenset(bot_id for (bot_id,) in rows)


@frozen
class LastQuestion:
    """What a wearer asked last: which bot, and as which agent of the platform."""

    user_id: str
    bot_id: int
    agent_id: str


_BY_GLASSES: Final = (
    " FROM stream_traces INDEXED BY stream_traces_listed"
    " WHERE source IN ('rokid', 'trigger') AND user_id IS NOT NULL AND bot_id IS NOT NULL"
    " AND (:bot_id IS NULL OR bot_id = :bot_id)"
)


def find_last_question(
    db: sqlite3.Connection, user_id: str, bot_id: int | None
) -> LastQuestion | None:
    """The last question of this wearer, to this bot or to any, that is kept. Raises StoreError."""
    with translated():
        row = db.execute(
            "SELECT user_id, bot_id, agent_id FROM stream_traces WHERE number ="  # noqa: S608
            f" (SELECT max(number){_BY_GLASSES} AND user_id = :user_id)",
            {"bot_id": bot_id, "user_id": user_id},
        ).fetchone()
    return None if row is None else LastQuestion(*row)


def list_askers(db: sqlite3.Connection, bot_id: int | None, most: int) -> tuple[str, ...]:
    """Who has asked this bot, or any, with glasses; at most so many. Raises StoreError."""
    with translated():
        rows = db.execute(
            f"SELECT DISTINCT user_id{_BY_GLASSES} LIMIT :most",
            {"bot_id": bot_id, "most": most},
        ).fetchall()
    return tuple(user_id for (user_id,) in rows)
