"""Lists of traces: filtered, page by page, newest first.

All of it is read from one narrow index (step_6_trace_dots.sql), from its new end on: the time that
a page takes grows with how far back it has to look, and never with what the traces hold. A text
costs ten times as much as any other filter, so it is looked for in so many traces at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.errors import NoSuchRecord
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.database import translated
from eyeclaw_trio.store.traces import COLUMNS, storable, to_record

# As an outcome: a turn that has none yet.
RUNNING: Final = "active"
# As an outcome: whoever asked got no whole answer, and did not leave by their own will.
FAILED: Final = "failed"
FAILURES: Final = ("offline", "timeout", "bot_error", "slow_reader", "rejected", "interrupted")
# As a position: wherever something was lost.
ANYWHERE: Final = "any"
# Traces that a text is looked for in before somebody has to ask for more.
SEARCHED: Final = 20_000
# Longest text that is looked for, in characters; no id is longer.
LONGEST_TEXT: Final = 128
# Traces on one page: what Python frees or collects in one go stops all threads.
LONGEST_PAGE: Final = 500
# What a person who looks for a turn may have in hand.
_IDS: Final = ("code", "trace_id", "message_id", "agent_id", "session_id", "user_id", "reason")
LISTED: Final = "stream_traces INDEXED BY stream_traces_listed"
_NEWEST: Final = "SELECT max(number) FROM stream_traces"
_OLDER: Final = "SELECT 1 FROM stream_traces WHERE number <= ? LIMIT 1"
# SQLite cannot take an integer of more bits (signed).
_BITS: Final = 63


@frozen
class TraceFilter:
    """Which traces: those for which all holds that is given; without anything, all.

    `outcome` may be RUNNING or FAILED, `loss_position` ANYWHERE. `anomaly` is one of the words in
    a trace's `anomalies`, `is_anomaly` asks for any. `slower_than` is the delay of the first chunk
    in milliseconds, not included. `since` and `until` bound the beginning of a turn, by the wall
    clock; `until` is not included. `text` is looked for in ids, the short code and the reason,
    without regard to the case of ASCII letters.
    """

    outcome: str | None = None
    bot_id: int | None = None
    source: str | None = None
    anomaly: str | None = None
    is_anomaly: bool = False
    loss_position: str | None = None
    user_id: str | None = None
    slower_than: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    def conditions(self) -> Iterator[tuple[str, str, tuple[object, ...]]]:
        """What has to hold: which field says so, the SQL, and the values that are bound in it."""
        if self.outcome == RUNNING:
            yield "outcome", "outcome IS NULL", ()
        elif self.outcome == FAILED:
            yield "outcome", f"outcome IN ({', '.join('?' * len(FAILURES))})", FAILURES
        elif self.outcome is not None:
            yield "outcome", "outcome = ?", (storable(self.outcome),)
        if self.bot_id is not None:
            is_possible = self.bot_id.bit_length() <= _BITS
            yield "bot_id", "bot_id = ?", (self.bot_id if is_possible else None,)
        if self.source is not None:
            yield "source", "source = ?", (storable(self.source),)
        if self.is_anomaly:
            yield "is_anomaly", "anomaly = 1", ()
        if self.anomaly is not None:
            word = storable(self.anomaly)
            yield "anomaly", "? IN (SELECT value FROM json_each(anomalies))", (word,)
        if self.loss_position == ANYWHERE:
            yield "loss_position", "loss_position IS NOT NULL", ()
        elif self.loss_position is not None:
            yield "loss_position", "loss_position = ?", (storable(self.loss_position),)
        if self.user_id is not None:
            yield "user_id", "user_id = ?", (storable(self.user_id),)
        if self.slower_than is not None:
            yield "slower_than", "first_chunk_delay > ?", (self.slower_than,)
        if self.since is not None:
            yield "since", "created_at >= ?", (to_stamp(self.since),)
        if self.until is not None:
            yield "until", "created_at < ?", (to_stamp(self.until),)
        text = self.text.strip()
        if len(text) > LONGEST_TEXT:
            yield "text", "0", ()
        elif text:
            anywhere = " OR ".join(rf"{name} LIKE ? ESCAPE '\'" for name in _IDS)
            yield "text", f"({anywhere})", (_pattern(text),) * len(_IDS)


@frozen
class TracePage:
    """Traces, newest first, and the cursor of the page behind them; None where there is none.
    `is_cut`: there is one because a text was looked for in SEARCHED traces, and older ones may
    have it too."""

    traces: tuple[TraceRecord, ...]
    next: str | None
    is_cut: bool = False


def list_traces(
    db: sqlite3.Connection,
    wanted: TraceFilter = TraceFilter(),
    *,
    limit: int = 50,
    after: str | None = None,
    with_events: bool = False,
) -> TracePage:
    """At most `limit` traces, or LONGEST_PAGE, in the order in which they began, newest first.
    Where the filter has a text, a page may have fewer although others come behind it.

    `after` is the cursor of a page before this one; what has been written or taken away meanwhile
    moves nothing. Without `with_events` their `events` are empty. Raises NoSuchRecord for what is
    no cursor, StoreError for SQLite's errors; waits for no writer.
    """
    limit = min(limit, LONGEST_PAGE)
    below = None if after is None else read_cursor(after)
    floor = find_floor(db, wanted, below)
    where, values = where_of(wanted, above=floor)
    if below is not None:
        where, values = f"{where} AND number < ?", (*values, below)
    columns = ("number", *COLUMNS, *(("events",) if with_events else ()))
    # One more than wanted, to know whether there is another page.
    query = (
        f"SELECT {', '.join(columns)} FROM stream_traces WHERE number IN"  # noqa: S608  (ours)
        f" (SELECT number FROM {LISTED} WHERE {where} ORDER BY number DESC LIMIT ?)"
        " ORDER BY number DESC"
    )
    found: list[TraceRecord] = []
    last = 0
    with translated():
        # Row by row: the thread that reads for pages takes a breath between them.
        for number, *row in db.execute(query, (*values, limit + 1)):
            if len(found) == limit:
                return TracePage(tuple(found), str(last))
            found.append(to_record(columns[1:], row))
            last = number
        if floor and db.execute(_OLDER, (floor,)).fetchone():
            return TracePage(tuple(found), str(floor + 1), is_cut=True)
    return TracePage(tuple(found), None)


def walk_traces(
    db: sqlite3.Connection, wanted: TraceFilter, limit: int, *, with_events: bool = False
) -> Iterator[TraceRecord]:
    """The newest traces, as many as `limit`, page by page as they are taken. Raises StoreError."""
    cursor: str | None = None
    while limit > 0:
        page = list_traces(db, wanted, limit=limit, after=cursor, with_events=with_events)
        yield from page.traces
        cursor = page.next
        limit -= len(page.traces)
        if cursor is None:
            return


def where_of(
    wanted: TraceFilter, without: str = "", above: int = 0
) -> tuple[str, tuple[object, ...]]:
    """The filter as SQL and the values that are bound in it, but for the field `without`; of
    traces with a higher number than `above` only."""
    conditions = [(sql, bound) for name, sql, bound in wanted.conditions() if name != without]
    if above:
        conditions.append(("number > ?", (above,)))
    values = tuple(value for _, bound in conditions for value in bound)
    return " AND ".join(["1", *(sql for sql, _ in conditions)]), values


def find_floor(db: sqlite3.Connection, wanted: TraceFilter, below: int | None = None) -> int:
    """The number down to which a text is looked for, itself not included, from the newest trace on
    or from those below a number; 0: down to the oldest, as for all else. Raises StoreError."""
    if not wanted.text.strip():
        return 0
    with translated():
        (newest,) = db.execute(_NEWEST).fetchone()
    first = newest or 0 if below is None else min(newest or 0, below - 1)
    return max(0, first - SEARCHED)


def read_cursor(cursor: str) -> int:
    """The number that a cursor stands for. Raises NoSuchRecord."""
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise NoSuchRecord("there is no such place in the list of traces")
    return int(cursor)


def _pattern(text: str) -> str:
    escaped = (storable(text) or "").replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
