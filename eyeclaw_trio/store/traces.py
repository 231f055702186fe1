"""Stream traces: one row per turn, written when it begins and again when it ends (CLI).

A row is written as a whole, so that the one at the end makes good one that was lost at the
beginning. Deriving what a trace means happens here too, on the thread that writes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, cast

import attrs

from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.core.trace_analysis import TraceRecord, analyse
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.store.database import translated
from eyeclaw_trio.store.trace_events import decode_events, decode_trace, encode_events

# Longest text that is kept of what a bot said of its failure, in characters.
LONGEST_SAID: Final = 4_000
# Why a turn counts as interrupted although nobody saw its end.
GATEWAY_DIED: Final = "gateway_died"
END_NOT_KEPT: Final = "end_not_kept"

_JSON: Final = ("anomalies", "missing_sequences")
# All of a record but its events.
COLUMNS: Final = tuple(each.name for each in attrs.fields(TraceRecord) if each.name != "events")
_TEXTS: Final = (
    "message_id",
    "agent_id",
    "user_id",
    "reason",
    "said",
    "sdk_content",
    "sse_content",
)
_WRITTEN: Final = (*COLUMNS, "events", "kept_since")
_SETS: Final = ", ".join(f"{name} = :{name}" for name in (*COLUMNS, "events"))
_VALUES: Final = ", ".join(f":{name}" for name in _WRITTEN)
# Names of ours only; values are bound.
_UPDATE: Final = f"UPDATE stream_traces SET {_SETS} WHERE trace_id = :trace_id"  # noqa: S608
_INSERT: Final = f"INSERT INTO stream_traces ({', '.join(_WRITTEN)}) VALUES ({_VALUES})"  # noqa: S608


def as_begun(trace: Trace) -> Trace:
    """What is known of a turn that begins: a copy, which its writer may read in its own time."""
    return Trace(
        trace_id=trace.trace_id,
        session_id=trace.session_id,
        bot_id=trace.bot_id,
        started_at=trace.started_at,
        message_id=trace.message_id,
        agent_id=trace.agent_id,
        user_id=trace.user_id,
        source=trace.source,
        events=list(trace.events),
    )


def write_trace(
    db: sqlite3.Connection, trace: Trace, created_at: datetime, kept_since: float
) -> None:
    """Write the turn as it is now, within the caller's transaction; without an outcome as active.

    `created_at` is the wall clock at its beginning, `kept_since` the trace clock's reading now.
    Nobody may change the trace meanwhile. Texts are written where the trace has kept them.
    """
    record = analyse(trace, created_at, with_events=False)
    values: dict[str, Any] = {name: getattr(record, name) for name in COLUMNS}
    for name in _JSON:
        values[name] = json.dumps(values[name])
    for name in _TEXTS:
        values[name] = storable(values[name])
    values["said"] = values["said"][:LONGEST_SAID]
    if record.outcome is None:
        values["status"] = "active"
    values["events"] = encode_events(trace)
    values["kept_since"] = kept_since
    # Not ON CONFLICT: that uses up a number for each update, and retention counts by numbers.
    if not db.execute(_UPDATE, values).rowcount:
        db.execute(_INSERT, values)


def close_left_traces(
    db: sqlite3.Connection, reason: str = GATEWAY_DIED, running: Collection[str] = ()
) -> int:
    """End the turns that no gateway runs any more, but for those `running`; returns how many.

    Within the caller's transaction. The rest of such an answer is lost, and nobody knows how much
    there was: outcome `interrupted`, status `anomaly`, with an anomaly of that name.
    """
    outcome = Outcome.INTERRUPTED.value
    return db.execute(
        "UPDATE stream_traces SET status = 'anomaly', outcome = ?, reason = ?, anomaly = 1,"
        " anomalies = ? WHERE outcome IS NULL"
        " AND trace_id NOT IN (SELECT value FROM json_each(?))",
        (outcome, reason, json.dumps([outcome]), json.dumps(list(running))),
    ).rowcount


def get_trace(
    db: sqlite3.Connection, trace_id: str, *, first_event: int = 0, events: int | None = None
) -> TraceRecord:
    """The trace of this id, with so many of its `events` from number `first_event` on, or all.

    A long answer has 20,000: all of them take a few hundred ms, in which Python stops all threads
    again and again, so a page of a running gateway asks for some. Raises NoSuchRecord.
    """
    record, blob = _get(db, trace_id)
    found = decode_events(blob, record.created_at, first_event, events)
    return attrs.evolve(record, events=found)


def get_turn(db: sqlite3.Connection, trace_id: str) -> tuple[TraceRecord, Trace]:
    """The record of this id without its events, and the times and sequences that those are listed
    from, which cost next to nothing to read. Raises NoSuchRecord; StoreError where damaged."""
    record, blob = _get(db, trace_id)
    return record, decode_trace(blob)


def _get(db: sqlite3.Connection, trace_id: str) -> tuple[TraceRecord, bytes]:
    query = (
        f"SELECT {', '.join(COLUMNS)}, events FROM stream_traces"  # noqa: S608  (names of ours)
        " WHERE trace_id = ?"
    )
    with translated():
        row = db.execute(query, (storable(trace_id),)).fetchone()
    if row is None:
        raise NoSuchRecord(f"there is no trace {trace_id}")
    *values, blob = row
    return to_record(COLUMNS, values), blob


def find_trace_id(db: sqlite3.Connection, prefix: str) -> str:
    """The one trace id that begins so. Raises NoSuchRecord; StoreError where several do."""
    with translated():
        found = db.execute(
            "SELECT trace_id FROM stream_traces"
            " WHERE trace_id >= :prefix AND trace_id < :prefix || :last ORDER BY trace_id LIMIT 2",
            {"prefix": storable(prefix), "last": "\U0010ffff"},
        ).fetchall()
    if not found:
        raise NoSuchRecord(f"there is no trace {prefix}")
    if len(found) > 1 and found[0][0] != prefix:
        raise StoreError(f"several traces begin with {prefix}: give more of the id")
    return str(found[0][0])


def to_record(columns: Sequence[str], row: Sequence[Any]) -> TraceRecord:
    """What was read of these columns, as a record. Raises StoreError where events are damaged."""
    values = dict(zip(columns, row, strict=True))
    for name in _JSON:
        values[name] = tuple(json.loads(values[name]))
    values["anomaly"] = bool(values["anomaly"])
    blob = cast(bytes | None, values.get("events"))
    values["events"] = () if blob is None else decode_events(blob, values["created_at"])
    return TraceRecord(**values)


def storable(text: str | None) -> str | None:
    """Without lone surrogates, which SQLite cannot take."""
    return None if text is None else text.encode("utf-8", "replace").decode()
