"""What wearers have said, where it may be kept on disk, and which conversations have begun anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.beginnings import MOST_NAMES, Beginning, Context
from eyeclaw_trio.core.conversation import Exchange
from eyeclaw_trio.core.memory import WEARER, Thread
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.database import transaction, translated
from eyeclaw_trio.store.traces import storable

# Exchanges kept on disk, of all wearers: each is 16 KiB at most, and nearly all are far smaller.
MOST_EXCHANGES: Final = 20_000


@frozen
class KeptExchange:
    """Something that was said, and in which conversation."""

    context: Context
    thread: Thread
    exchange: Exchange


def list_beginnings(db: sqlite3.Connection) -> tuple[Beginning, ...]:
    """All of them. Raises StoreError."""
    with translated():
        rows = db.execute("SELECT number, bot_id, user_id, name FROM beginnings ORDER BY number")
        return tuple(
            Beginning(number, bot_id or None, user_id or None, name or None)
            for number, bot_id, user_id, name in rows
        )


def write_beginning(db: sqlite3.Connection, beginning: Beginning) -> None:
    """Remember it, within the caller's transaction, and forget what was said before it.

    Beyond MOST_NAMES conversations with a beginning of their own, the older half of those of the
    bot that has most becomes one for that bot.
    """
    name = storable(beginning.name or "")
    db.execute(
        "INSERT INTO beginnings (bot_id, user_id, name, number) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET number = max(number, excluded.number)",
        (beginning.bot_id or 0, storable(beginning.user_id or ""), name, beginning.number),
    )
    if not name:
        return
    db.execute("DELETE FROM exchanges WHERE context = ?", (name,))
    count: int = db.execute("SELECT count(*) FROM beginnings WHERE name <> ''").fetchone()[0]
    if count > MOST_NAMES:
        bot_id, of_bot = db.execute(
            "SELECT bot_id, count(*) FROM beginnings WHERE name <> '' GROUP BY bot_id "
            "ORDER BY count(*) DESC LIMIT 1"
        ).fetchone()
        newest: int = db.execute(
            "SELECT number FROM beginnings WHERE name <> '' AND bot_id = ?"
            " ORDER BY number LIMIT 1 OFFSET ?",
            (bot_id, of_bot // 2),
        ).fetchone()[0]
        db.execute(
            "DELETE FROM beginnings WHERE name <> '' AND bot_id = ? AND number <= ?",
            (bot_id, newest),
        )
        write_beginning(db, Beginning(newest, bot_id or None))


def write_exchange(db: sqlite3.Connection, kept: KeptExchange, said_at: datetime) -> None:
    """Keep it, within the caller's transaction, and no more of its conversation and of all than is
    remembered. Nothing of a bot that is gone."""
    context, thread = kept.context, kept.thread
    of_thread = (storable(thread.name), storable(thread.user_id))
    written = db.execute(
        "INSERT INTO exchanges (bot_id, user_id, context, is_shared, name, question, answer, "
        "said_at) SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM bots WHERE id = ?)",
        (
            thread.bot_id,
            storable(thread.user_id),
            storable(context.name),
            context.is_shared,
            storable(thread.name),
            storable(kept.exchange.question),
            storable(kept.exchange.answer),
            to_stamp(said_at),
            thread.bot_id,
        ),
    )
    db.execute(
        "DELETE FROM exchanges WHERE name = ? AND user_id IS ? AND number <= (SELECT number FROM "
        "exchanges WHERE name = ? AND user_id IS ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (*of_thread, *of_thread, WEARER.turns),
    )
    if written.lastrowid:
        db.execute("DELETE FROM exchanges WHERE number <= ?", (written.lastrowid - MOST_EXCHANGES,))


def list_exchanges(db: sqlite3.Connection, bots: Collection[int]) -> tuple[KeptExchange, ...]:
    """What was kept of these bots, oldest first; of all others it is taken away. Raises
    StoreError."""
    with transaction(db):
        rows = db.execute(
            "SELECT bot_id, user_id, context, is_shared, name, question, answer FROM exchanges"
            " ORDER BY number"
        ).fetchall()
        for bot_id in {row[0] for row in rows} - set(bots):
            db.execute("DELETE FROM exchanges WHERE bot_id = ?", (bot_id,))
    return tuple(
        KeptExchange(
            Context(bot_id, user_id, context, bool(is_shared)),
            Thread(bot_id, user_id, name),
            Exchange(question, answer),
        )
        for bot_id, user_id, context, is_shared, name, question, answer in rows
        if bot_id in bots
    )


def forget(
    db: sqlite3.Connection, *, bot_id: int | None = None, user_id: str | None = None, now: datetime
) -> int:
    """Begin all conversations anew, or those of a bot, of a wearer, or of both; returns how many
    exchanges were kept on disk of them.

    What one wearer has said in a conversation that others share cannot be told from the rest: it
    begins anew for all of them. Raises StoreError.
    """
    with transaction(db):
        newest: int = db.execute("SELECT ifnull(max(number), 0) FROM beginnings").fetchone()[0]
        number = max(newest + 1, int(now.timestamp() * 1000))
        write_beginning(db, Beginning(number, bot_id, user_id))
        return db.execute(
            "DELETE FROM exchanges WHERE (:bot IS NULL OR bot_id = :bot)"
            " AND (:user IS NULL OR user_id = :user OR is_shared)",
            {"bot": bot_id, "user": storable(user_id)},
        ).rowcount
