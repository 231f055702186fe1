"""Turns over time: what was counted in each of the last minutes and hours (core/turn_counts)."""

from __future__ import annotations

import json
import sqlite3
from typing import Final

import attrs

from eyeclaw_trio.core.turn_counts import FIRST_CHUNK_BOUNDS, RELAY_BOUNDS, CountedTime, TurnCounts
from eyeclaw_trio.store.database import translated

MINUTE: Final = 60
HOUR: Final = 3_600
# Rows that are kept of each length: some hours of minutes, a month and a day of hours. By number
# and not by age, so that a wall clock that jumps costs nothing (RELIABILITY 10).
KEPT: Final = {MINUTE: 240, HOUR: 744}


def write_turn_counts(db: sqlite3.Connection, counts: TurnCounts, moment: int) -> None:
    """Add these to what was counted in this minute and this hour (`moment`: seconds since 1970),
    within the caller's transaction."""
    for seconds, kept in KEPT.items():
        began = moment // seconds * seconds
        row = db.execute(
            "SELECT counts FROM turn_counts WHERE seconds = ? AND began = ?", (seconds, began)
        ).fetchone()
        total = attrs.evolve(counts)
        if row is not None and (before := _read(row[0])) is not None:
            total.add(before)
        db.execute(
            "INSERT OR REPLACE INTO turn_counts VALUES (?, ?, ?)",
            (seconds, began, json.dumps(attrs.asdict(total), separators=(",", ":"))),
        )
        if row is None:
            db.execute(
                "DELETE FROM turn_counts WHERE seconds = ? AND began <="
                " (SELECT began FROM turn_counts WHERE seconds = ?"
                " ORDER BY began DESC LIMIT 1 OFFSET ?)",
                (seconds, seconds, kept),
            )


def read_turn_counts(db: sqlite3.Connection, seconds: int, since: int) -> list[CountedTime]:
    """What was counted in each MINUTE or HOUR that began then or later. Raises StoreError."""
    with translated():
        rows = db.execute(
            "SELECT began, counts FROM turn_counts WHERE seconds = ? AND began >= ? ORDER BY began",
            (seconds, since),
        ).fetchall()
    read = [(began, _read(text)) for began, text in rows]
    return [CountedTime(began, counts) for began, counts in read if counts is not None]


def _read(text: str) -> TurnCounts | None:
    """What is no count of ours (a restored file may hold anything) is left out."""
    try:
        counts = TurnCounts(**json.loads(text))
        is_ours = (
            len(counts.first_chunk) == len(FIRST_CHUNK_BOUNDS) + 1
            and len(counts.relay) == len(RELAY_BOUNDS) + 1
            and all(
                isinstance(each, int)
                for each in (
                    counts.turns,
                    counts.failed,
                    counts.lost,
                    *counts.first_chunk,
                    *counts.relay,
                )
            )
        )
    except (TypeError, ValueError):
        return None
    return counts if is_ours else None
