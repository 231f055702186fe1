"""Who has asked: the wearers that the newest traces tell of, and those that a bot belongs to."""

from __future__ import annotations

import sqlite3
from typing import Final

from attrs import frozen

from eyeclaw_trio.store.database import translated

# Traces that are looked at, the newest ones, and wearers that are named, the latest to ask.
LOOKED_AT: Final = 10_000
NAMED: Final = 500
# Turns of a linked bot that are looked at, and how many have to be alike.
_NEWEST_TURNS: Final = 300
_ALIKE: Final = 3


@frozen
class Wearer:
    """One who has asked, or whom a bot is bound to. `turns` are those among the newest traces;
    `last_asked_at` and `last_bot_id` are of the last of them."""

    user_id: str
    turns: int
    last_asked_at: str | None
    last_bot_id: int | None
    bound_bot_id: int | None


def list_wearers(db: sqlite3.Connection) -> tuple[Wearer, ...]:
    """The latest to ask first, behind them those who are only bound. Raises StoreError."""
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
    wearers = [
        Wearer(user_id, turns, asked_at, bot_id, bound.pop(user_id, None))
        for user_id, turns, asked_at, bot_id, _ in rows
    ]
    return (*wearers, *(Wearer(user_id, 0, None, None, bot) for user_id, bot in bound.items()))


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
