"""How many traces there are of each kind, for the numbers beside the filters: counts with an end.

One pass through the narrow index counts all facets that the filter says nothing about; each of the
others needs a pass of its own, without its own condition.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, get_args

from attrs import frozen

from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.database import translated
from eyeclaw_trio.store.trace_list import LISTED, RUNNING, TraceFilter, where_of

# Traces that are counted, the newest ones, and values that are named, the most frequent ones.
COUNTED: Final = 10_000
NAMED: Final = 50

Facet = Literal["outcome", "bot_id", "source", "anomaly", "loss_position", "user_id"]
FACETS: Final[tuple[Facet, ...]] = get_args(Facet)

_VALUE_OF: Final = {"outcome": f"coalesce(outcome, '{RUNNING}')", "anomaly": "anomalies"}
# Filters that leave something out of a facet's own values, beside the one of its name.
_ALSO: Final[dict[str, str]] = {"is_anomaly": "anomaly"}


@frozen
class ValueCounts:
    """How often each value of a facet comes, the most frequent first, among `looked_at` traces;
    `having` of them have any."""

    counts: Mapping[str | int, int]
    looked_at: int
    having: int

    @property
    def is_capped(self) -> bool:
        """Whether there may be more: only the newest were looked at."""
        return self.looked_at >= COUNTED


def count_values(
    db: sqlite3.Connection, wanted: TraceFilter, facets: Collection[Facet] = FACETS
) -> dict[Facet, ValueCounts]:
    """For each of these facets: how many traces have each value where all else of the filter holds.

    Of the newest COUNTED only, and of the NAMED most frequent values. Raises StoreError.
    """
    named = {name for name, _, _ in wanted.conditions()}
    filtered = named | {_ALSO[name] for name in named if name in _ALSO}
    free: list[Facet] = [each for each in facets if each not in filtered]
    passes = [free] if free else []
    passes += [[each] for each in facets if each in filtered]
    found: dict[Facet, ValueCounts] = {}
    for together in passes:
        found |= _count(db, wanted, together)
    return {each: found[each] for each in facets}


def _count(
    db: sqlite3.Connection, wanted: TraceFilter, facets: list[Facet]
) -> dict[Facet, ValueCounts]:
    """One pass for these facets, all of which have the same traces to count."""
    where, values = where_of(wanted, facets[0])
    columns = ", ".join(f"{_VALUE_OF.get(each, each)} AS {each}" for each in facets)
    groups = " UNION ALL ".join(
        f"SELECT '{each}', {each}, count(*) FROM looked_at GROUP BY {each}"  # noqa: S608  (ours)
        for each in facets
    )
    # Materialised, so that the index is gone through once, whatever the filter costs.
    query = (
        f"WITH looked_at AS MATERIALIZED (SELECT {columns} FROM {LISTED} WHERE {where}"  # noqa: S608
        f" ORDER BY number DESC LIMIT {COUNTED:d}) {groups}"
    )
    counters: dict[Facet, Counter[Any]] = {each: Counter() for each in facets}
    totals, having = Counter[Facet](), Counter[Facet]()
    with translated():
        for facet, value, number in db.execute(query, values):
            totals[facet] += number
            # A trace may have several anomalies.
            each = json.loads(value) if facet == "anomaly" else [] if value is None else [value]
            counters[facet].update(dict.fromkeys(each, number))
            having[facet] += number if each else 0
    return {
        facet: ValueCounts(dict(counter.most_common(NAMED)), totals[facet], having[facet])
        for facet, counter in counters.items()
    }


def count_since(
    db: sqlite3.Connection, wanted: TraceFilter, moments: Sequence[datetime]
) -> tuple[int, ...]:
    """How many traces began at each of these moments or later, whatever `since` the filter has.

    Of the newest COUNTED only. Raises StoreError.
    """
    if not moments:
        return ()
    where, values = where_of(wanted, "since")
    sums = ", ".join("coalesce(sum(created_at >= ?), 0)" for _ in moments)
    query = (
        f"SELECT {sums} FROM (SELECT created_at FROM {LISTED} WHERE {where}"  # noqa: S608  (ours)
        f" ORDER BY number DESC LIMIT {COUNTED:d})"
    )
    with translated():
        row = db.execute(query, (*map(to_stamp, moments), *values)).fetchone()
    return tuple(row)
