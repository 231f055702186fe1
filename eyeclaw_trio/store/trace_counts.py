"""How many traces there are of each kind, for the numbers beside the filters: counts with an end.

One pass through the narrow index counts all facets that the filter says nothing about; each of the
others needs a pass of its own, without its own condition, which ends when it has found enough. (One
pass for all of them, which notes what each row fails, costs more: most rows fail the one condition
and are carried along, 37 ms where this takes 27.)
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
from eyeclaw_trio.store.database import one_moment, translated
from eyeclaw_trio.store.trace_list import LISTED, RUNNING, TraceFilter, find_floor, where_of

# Traces that are counted, the newest ones, and values that are named, the most frequent ones.
COUNTED: Final = 10_000
NAMED: Final = 50

Facet = Literal["outcome", "bot_id", "source", "anomaly", "loss_position", "user_id"]
FACETS: Final[tuple[Facet, ...]] = get_args(Facet)

_VALUE_OF: Final = {"outcome": f"coalesce(outcome, '{RUNNING}')", "anomaly": "anomalies"}
_SINCE: Final = "since"


@frozen
class ValueCounts:
    """How often each value of a facet comes, the most frequent first, among `looked_at` traces;
    `having` of them have any. `is_capped`: there may be more, only the newest were looked at."""

    counts: Mapping[str | int, int]
    looked_at: int
    having: int
    is_capped: bool


@frozen
class TraceCounts:
    """The counts of each facet, and how many traces began at some moments or later."""

    values: Mapping[Facet, ValueCounts]
    since: tuple[int, ...]


def count_traces(
    db: sqlite3.Connection,
    wanted: TraceFilter,
    facets: Collection[Facet] = FACETS,
    since: Sequence[datetime] = (),
) -> TraceCounts:
    """For each of these facets: how many traces have each value where all else of the filter holds;
    and how many began at each of these moments or later, whatever `since` the filter has.

    Of the newest COUNTED only, and of the NAMED most frequent values; a text is looked for in the
    newest SEARCHED. Raises StoreError.
    """
    filtered = {name for name, _, _ in wanted.conditions()}
    free: list[Facet] = [each for each in facets if each not in filtered]
    found: dict[Facet, ValueCounts] = {}
    begun: tuple[int, ...] = ()
    with one_moment(db):
        for each in facets:
            if each in filtered:
                found |= _count(db, wanted, [each], (), each).values
        if "since" in filtered and since:
            begun = _count(db, wanted, [], since, "since").since
            since = ()
        together = _count(db, wanted, free, since, "")
    found |= together.values
    return TraceCounts({each: found[each] for each in facets}, together.since or begun)


def _count(
    db: sqlite3.Connection,
    wanted: TraceFilter,
    facets: Sequence[Facet],
    since: Sequence[datetime],
    without: str,
) -> TraceCounts:
    """One pass for all of these, which have the same traces to count."""
    if not facets and not since:
        return TraceCounts({}, ())
    floor = find_floor(db, wanted)
    where, values = where_of(wanted, without, floor)
    columns = [
        *(["created_at"] if since else []),
        *(f"{_VALUE_OF.get(each, each)} AS {each}" for each in facets),
    ]
    groups = [
        f"SELECT '{each}', {each}, count(*) FROM looked_at GROUP BY {each}"  # noqa: S608  (ours)
        for each in facets
    ]
    groups += [
        f"SELECT '{_SINCE}', {number:d}, count(*) FROM looked_at WHERE created_at >= ?"  # noqa: S608
        for number in range(len(since))
    ]
    # Materialised for several, so that the index is gone through once, whatever the filter costs.
    # What stands in the text are names and numbers of ours (hence the noqa); values are bound.
    kept = "MATERIALIZED" if len(groups) > 1 else "NOT MATERIALIZED"
    query = (
        f"WITH looked_at AS {kept} (SELECT {', '.join(columns)} FROM {LISTED}"  # noqa: S608
        f" WHERE {where} ORDER BY number DESC LIMIT {COUNTED:d}) {' UNION ALL '.join(groups)}"
    )
    counters: dict[str, Counter[Any]] = {each: Counter() for each in facets}
    totals, having, begun = Counter[str](), Counter[str](), [0] * len(since)
    with translated():
        for facet, value, number in db.execute(query, (*values, *map(to_stamp, since))):
            if facet == _SINCE:
                begun[value] = number
                continue
            totals[facet] += number
            # A trace may have several anomalies.
            each = json.loads(value) if facet == "anomaly" else [] if value is None else [value]
            counters[facet].update(dict.fromkeys(each, number))
            having[facet] += number if each else 0
    found = {
        facet: ValueCounts(
            dict(counters[facet].most_common(NAMED)),
            totals[facet],
            having[facet],
            is_capped=floor > 0 or totals[facet] >= COUNTED,
        )
        for facet in facets
    }
    return TraceCounts(found, tuple(begun))
