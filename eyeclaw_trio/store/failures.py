"""The newest turns that failed whoever asked."""

from __future__ import annotations

import sqlite3
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.core.turn_counts import is_failure
from eyeclaw_trio.store.database import translated

# Traces that are looked through, the newest ones.
_LOOKED_AT: Final = 10_000
_FAILURES: Final = tuple(each.value for each in Outcome if is_failure(each))


@frozen
class FailedTurn:
    """One of them: when it began (ISO 8601, UTC), how it ended and why, in words of ours."""

    trace_id: str
    code: str | None
    created_at: str
    outcome: str
    reason: str
    bot_id: int | None


def list_failures(db: sqlite3.Connection, limit: int = 5) -> tuple[FailedTurn, ...]:
    """The newest first, of the last 10,000 turns. Raises StoreError."""
    wanted = ", ".join("?" * len(_FAILURES))
    with translated():
        rows = db.execute(
            "SELECT trace_id, code, created_at, outcome, reason, bot_id FROM"  # noqa: S608  (marks)
            " (SELECT number, trace_id, code, created_at, outcome, reason, bot_id"
            " FROM stream_traces INDEXED BY stream_traces_listed"
            " ORDER BY number DESC LIMIT ?)"
            f" WHERE outcome IN ({wanted}) ORDER BY number DESC LIMIT ?",
            (_LOOKED_AT, *_FAILURES, limit),
        ).fetchall()
    return tuple(FailedTurn(*row) for row in rows)
