"""How long traces are kept: by days and rows, in small steps, whatever the wall clock does.

The age of a trace is not a difference of wall clock times: one that jumps would make everything
old at once (RELIABILITY 10). It is what the *trace clock* has run since: the seconds that
gateways have lived on this folder, by the monotonic clock. Only how long none lived must be asked
of the wall clock, and there at most LONGEST_STOP is believed. Rows go in the order they came.

So a jump while a gateway runs changes nothing, and one between two runs makes traces at most a
day older, for which they are kept a day longer: none goes before its `keep_days`. The price is
that a gateway that is off for days at a time keeps its traces longer; `keep_rows` holds always.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from attrs import define, field, frozen

from eyeclaw_trio.store.database import transaction, translated
from eyeclaw_trio.store.traces import END_NOT_KEPT, close_left_traces

# Seconds between two steps; rows in one of them. Where there is more to do, the next follows in a
# moment: a backlog goes at some 800 rows a second and no write waits long for it.
STEP_EVERY: Final = 60.0
STEP_ROWS: Final = 200
DAY: Final = 86_400.0
# Longest time between two runs that the wall clock is believed (seconds).
LONGEST_STOP: Final = DAY
# Seconds that the clock runs before its reading is written down again.
_MARK_EVERY: Final = 3_600.0


@frozen
class TraceSettings:
    """The group `[traces]`: `keep_days` of running time, `keep_rows` rows; `keep_content` the
    texts of answers too."""

    keep_days: int = 30
    keep_rows: int = 100_000
    keep_content: bool = False


@define(eq=False)
class TraceClock:
    """Seconds that gateways have lived on a folder. It never goes back, and never jumps."""

    _start: float
    _monotonic: Callable[[], float]
    _started_at: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._started_at = self._monotonic()

    def read(self) -> float:
        """Its reading now; any thread may ask."""
        return self._start + self._monotonic() - self._started_at


def start_clock(
    db: sqlite3.Connection, now: datetime, monotonic: Callable[[], float] = time.monotonic
) -> TraceClock:
    """The clock of this folder, going on from where it was written down last."""
    with translated():
        row = db.execute("SELECT seconds, wall FROM trace_clock").fetchone()
    if row is None:
        return TraceClock(0.0, monotonic)
    seconds, wall = row
    return TraceClock(seconds + min(max(now.timestamp() - wall, 0.0), LONGEST_STOP), monotonic)


@define(eq=False)
class Retention:
    """Takes away what is too old or too much, step by step; all on the thread that writes.

    `running` gives the ids of the turns that this gateway runs; the thread may call it any time.
    """

    _settings: TraceSettings
    _clock: TraceClock
    _wall_clock: Callable[[], datetime]
    _running: Callable[[], Collection[str]] = tuple
    _marked: float | None = field(default=None, init=False)

    def step(self, db: sqlite3.Connection) -> bool:
        """One step, in a transaction of its own; true when there is more to do at once.

        A turn whose end could not be written (the disk was full) is ended here too. Raises
        StoreError.
        """
        reading = self._clock.read()
        with transaction(db):
            close_left_traces(db, END_NOT_KEPT, self._running())
            deleted = self._delete_some(db, reading)
            is_due = self._marked is None or reading - self._marked >= _MARK_EVERY
            if is_due:
                db.execute(
                    "INSERT OR REPLACE INTO trace_clock VALUES (1, ?, ?)",
                    (reading, self._wall_clock().timestamp()),
                )
        if is_due:
            self._marked = reading
        return deleted == STEP_ROWS

    def _delete_some(self, db: sqlite3.Connection, reading: float) -> int:
        oldest = reading - (self._settings.keep_days * DAY + LONGEST_STOP)
        # Numbers have gaps only where rows have gone, the lowest but for those that somebody has
        # deleted: no need to count.
        (newest,) = db.execute("SELECT max(number) FROM stream_traces").fetchone()
        return db.execute(
            "DELETE FROM stream_traces WHERE number IN"
            " (SELECT number FROM stream_traces ORDER BY number LIMIT ?)"
            " AND (number <= ? OR kept_since < ?)",
            (STEP_ROWS, (newest or 0) - self._settings.keep_rows, oldest),
        ).rowcount
