"""What the overview shows of the time that is behind: read seldom, drawn often."""

from __future__ import annotations

import time
from functools import partial
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
from eyeclaw_trio.admin.kept import freshness, kept_of
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.presence_views import PresenceHistory, recent_history
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
    """All of it."""

    history: PresenceHistory
    statistics: Statistics
    failures: tuple[FailedTurn, ...]


async def read_behind(request: Request, span: Span) -> Behind:
    """What is behind; for open pages, which ask every second, it is read every few. Raises
    StoreError; cancelled, nothing has happened."""
    return await kept_of(request).read(
        ("behind", span), freshness(request, _FRESH), partial(_read_behind, request, span)
    )


async def _read_behind(request: Request, span: Span) -> Behind:
    views = office_of(request).views
    first, width, number = statistics_of(span, int(time.time()))
    seconds = MINUTE if span is Span.HOUR else HOUR

    def read(db: Database) -> tuple[list[TurnCounts], tuple[FailedTurn, ...]]:
        counted = read_turn_counts(db, seconds, first)
        sums = gather(counted, first, width, number)
        return sums, list_failures(db)

    history = await recent_history(request, span)
    sums, failures = await views.read(read)
    total = TurnCounts()
    for each in sums:
        total.add(each)
    return Behind(history, Statistics(first, width, tuple(sums), total), failures)
