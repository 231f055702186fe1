"""What providers took for their answers, kept so that `eyeclaw providers` can show it later."""

from __future__ import annotations

import sqlite3
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.provider_timing import SEGMENTS, ProviderAnswer, Segments
from eyeclaw_trio.core.timings import WINDOW
from eyeclaw_trio.errors import Reason
from eyeclaw_trio.store.database import translated

_COLUMNS: Final = ("provider", "ended_at", "reason", "is_cold", "http_version", *SEGMENTS)
_INSERT: Final = (
    f"INSERT INTO provider_answers ({', '.join(_COLUMNS)})"  # noqa: S608  (names of ours)
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM provider_answers ORDER BY number"  # noqa: S608
_REASONS: Final = {reason.value: reason for reason in Reason}


@frozen
class KeptAnswer:
    """One answer of a provider, and when it ended (ISO 8601, UTC)."""

    answer: ProviderAnswer
    ended_at: str


def write_provider_answer(db: sqlite3.Connection, answer: ProviderAnswer, ended_at: str) -> None:
    """Keep this one, and of its provider no more than the newest WINDOW."""
    reason = answer.reason.value if answer.reason is not None else None
    segments = (getattr(answer.segments, name) for name in SEGMENTS)
    row = (answer.provider, ended_at, reason, answer.is_cold, answer.http_version, *segments)
    db.execute(_INSERT, row)
    db.execute(
        "DELETE FROM provider_answers WHERE provider = ? AND number <="
        " (SELECT number FROM provider_answers WHERE provider = ?"
        " ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (answer.provider, answer.provider, WINDOW),
    )


def list_provider_answers(db: sqlite3.Connection) -> list[KeptAnswer]:
    """All that are kept, the oldest first. Raises StoreError."""
    with translated():
        rows = db.execute(_SELECT).fetchall()
    return [_read(*row) for row in rows]


def _read(
    provider: str,
    ended_at: str,
    reason: str | None,
    is_cold: int,
    http_version: str,
    *segments: float | None,
) -> KeptAnswer:
    # A reason that this version does not know is a failure all the same.
    known = None if reason is None else _REASONS.get(reason, Reason.UNKNOWN)
    times = Segments(*segments)
    return KeptAnswer(ProviderAnswer(provider, times, bool(is_cold), http_version, known), ended_at)
