"""Single traces by what is known of them, their places in a filtered list, and dots of many.

All but what one trace holds is read from the narrow index of `store/trace_list`.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.scatter import TurnDot
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.database import transaction, translated
from eyeclaw_trio.store.trace_list import LISTED, TraceFilter, read_cursor, where_of
from eyeclaw_trio.store.traces import storable

# Dots in one picture; more lie upon each other.
DOTS: Final = 500


@frozen
class Neighbours:
    """The traces beside one in a filtered list; None at its ends."""

    newer: str | None
    older: str | None


def list_dots(
    db: sqlite3.Connection, wanted: TraceFilter, *, after: str | None = None, limit: int = DOTS
) -> tuple[TurnDot, ...]:
    """The newest turns that have a first chunk, newest first; `after` as in `list_traces`.

    Raises NoSuchRecord for what is no cursor, StoreError.
    """
    where, values = where_of(wanted)
    if after is not None:
        where, values = f"{where} AND number < ?", (*values, read_cursor(after))
    query = (
        "SELECT trace_id, created_at, first_chunk_delay, missing_count, outcome"  # noqa: S608  (ours)
        f" FROM {LISTED} WHERE {where} AND first_chunk_delay IS NOT NULL"
        " ORDER BY number DESC LIMIT ?"
    )
    with translated():
        return tuple(TurnDot(*row) for row in db.execute(query, (*values, min(limit, DOTS))))


def find_moment(db: sqlite3.Connection, wanted: TraceFilter, moment: datetime) -> str | None:
    """The cursor of the page that begins with the newest trace begun before `moment`.

    Where there is none, that of the oldest trace at all; None where the list is empty. Raises
    StoreError.
    """
    where, values = where_of(wanted)
    # The moment first: it costs little, and what is before it needs no more looking at.
    queries = (
        f"SELECT number FROM {LISTED} WHERE created_at < ? AND ({where})"  # noqa: S608  (ours)
        " ORDER BY number DESC LIMIT 1",
        f"SELECT number FROM {LISTED} WHERE created_at >= ? AND ({where})"  # noqa: S608
        " ORDER BY number LIMIT 1",
    )
    with translated():
        for query in queries:
            row = db.execute(query, (to_stamp(moment), *values)).fetchone()
            if row is not None:
                return str(row[0] + 1)
    return None


def find_neighbours(db: sqlite3.Connection, wanted: TraceFilter, trace_id: str) -> Neighbours:
    """What stands before and behind this trace in the list, whether it is in it itself or not.

    Raises NoSuchRecord where there is no such trace, StoreError.
    """
    where, values = where_of(wanted)

    def find(comparison: str, order: str) -> str | None:
        query = (
            f"SELECT trace_id FROM {LISTED} WHERE {where} AND number {comparison} ?"  # noqa: S608
            f" ORDER BY number {order} LIMIT 1"
        )
        row = db.execute(query, (*values, number)).fetchone()
        return None if row is None else str(row[0])

    with translated():
        found = db.execute(
            "SELECT number FROM stream_traces WHERE trace_id = ?", (storable(trace_id),)
        ).fetchone()
        if found is None:
            raise NoSuchRecord(f"there is no trace {trace_id}")
        number = found[0]
        return Neighbours(find(">", "ASC"), find("<", "DESC"))


def find_named(db: sqlite3.Connection, text: str) -> str | None:
    """The trace whose id or short code this is, in whatever case the code was typed; the newest
    of a code. Raises StoreError."""
    text = storable(text.strip()) or ""
    with translated():
        row = db.execute(
            "SELECT trace_id FROM stream_traces WHERE trace_id = ?", (text,)
        ).fetchone()
        if row is None:
            row = db.execute(
                f"SELECT trace_id FROM {LISTED} WHERE code = ? COLLATE NOCASE"  # noqa: S608  (ours)
                " ORDER BY number DESC LIMIT 1",
                (text,),
            ).fetchone()
    return None if row is None else str(row[0])


def delete_trace(db: sqlite3.Connection, trace_id: str) -> None:
    """Take this trace away. Raises NoSuchRecord; StoreError where its turn still runs, which
    would write it again at its end."""
    with transaction(db):
        row = db.execute(
            "SELECT outcome FROM stream_traces WHERE trace_id = ?", (storable(trace_id),)
        ).fetchone()
        if row is None:
            raise NoSuchRecord(f"there is no trace {trace_id}")
        if row[0] is None:
            raise StoreError("this turn still runs: its trace can be deleted when it is over")
        db.execute("DELETE FROM stream_traces WHERE trace_id = ?", (storable(trace_id),))
