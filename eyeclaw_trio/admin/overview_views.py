"""What the overview shows of the time that is behind: read seldom, drawn often."""

from __future__ import annotations

import time
from typing import Final

from attrs import frozen
from starlette.requests import Request

from eyeclaw_trio.admin.drawings import (
    Chart,
    Column,
    draw_columns,
    draw_first_chunk,
    draw_relay,
    statistics_of,
)
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.presence_views import PresenceHistory, read_history
from eyeclaw_trio.core.presence import Span
from eyeclaw_trio.core.turn_counts import TurnCounts, gather
from eyeclaw_trio.store.database import Database
from eyeclaw_trio.store.failures import FailedTurn, list_failures
from eyeclaw_trio.store.turn_statistics import HOUR, MINUTE, read_turn_counts

# Seconds for which an open page shows what it has read.
_FRESH: Final = 5.0


@frozen
class Statistics:
    """Turns over a span: the sums, from `first` on (seconds since 1970), of `width` seconds each;
    and their total."""

    first: int
    width: int
    sums: tuple[TurnCounts, ...]
    total: TurnCounts

    @property
    def columns(self) -> list[Column]:
        """The turns, drawn."""
        return draw_columns(self.sums, self.first, self.width)

    @property
    def first_chunk(self) -> Chart:
        """The first chunk's delay, drawn."""
        return draw_first_chunk(self.sums)

    @property
    def relay(self) -> Chart:
        """The slowest chunk's delay, drawn."""
        return draw_relay(self.sums)


@frozen
class Behind:
    """All of it as it was read at `read_at` (monotonic seconds)."""

    read_at: float
    history: PresenceHistory
    statistics: Statistics
    failures: tuple[FailedTurn, ...]


async def read_behind(request: Request, span: Span) -> Behind:
    """What is behind; an open page, which asks every second, reads it every few. Raises StoreError;
    cancelled, nothing has happened."""
    known: Behind | None = getattr(request.state, "behind", None)
    if known is not None and time.monotonic() - known.read_at < _FRESH:
        return known
    views = office_of(request).views
    first, width, number = statistics_of(span, int(time.time()))
    seconds = MINUTE if span is Span.HOUR else HOUR

    def read(db: Database) -> tuple[list[TurnCounts], tuple[FailedTurn, ...]]:
        counted = read_turn_counts(db, seconds, first)
        sums = gather(counted, first, width, number)
        return sums, list_failures(db)

    if known is not None and known.history.is_recent():
        history = known.history
    else:
        history = await read_history(request, span)
    sums, failures = await views.read(read)
    total = TurnCounts()
    for each in sums:
        total.add(each)
    statistics = Statistics(first, width, tuple(sums), total)
    behind = Behind(time.monotonic(), history, statistics, failures)
    request.state.behind = behind
    return behind
