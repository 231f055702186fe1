"""What the list of traces shows, read in one go on the store's reader thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from eyeclaw_trio.admin.trace_query import ANY, NAMES, Clock, TraceQuery, read_since
from eyeclaw_trio.core.scatter import TurnDot
from eyeclaw_trio.store.database import Database
from eyeclaw_trio.store.trace_counts import Facet, ValueCounts, count_traces
from eyeclaw_trio.store.trace_list import (
    ANYWHERE,
    FAILED,
    FAILURES,
    RUNNING,
    TracePage,
    list_traces,
)
from eyeclaw_trio.store.trace_places import find_moment, list_dots

# Traces on one page.
ROWS: Final = 50
# What can be chosen of time.
SINCE: Final = ("1h", "today", "7d")
# The filters whose values are counted, as an address names them, and what the store calls them.
COUNTED: Final[Mapping[str, Facet]] = {
    "outcome": "outcome",
    "anomaly": "anomaly",
    "loss": "loss_position",
    "bot": "bot_id",
    "source": "source",
    "wearer": "user_id",
}
# Filters that many need, by their name in the words.
SAVED: Final[tuple[tuple[str, Mapping[str, str]], ...]] = (
    ("all", {}),
    ("losses", {"loss": ANYWHERE}),
    ("slow", {"slower": "3"}),
    ("failed_today", {"outcome": FAILED, "since": "today"}),
    ("running", {"outcome": RUNNING}),
)


@frozen
class FilterValue:
    """One value that can be chosen; `count` traces have it where all other filters hold."""

    value: str
    count: int
    is_chosen: bool


@frozen
class Filter:
    """One filter and its values. `is_capped`: only the newest were counted."""

    name: str
    values: tuple[FilterValue, ...]
    is_capped: bool


def read_page(db: Database, query: TraceQuery, limit: int = ROWS) -> TracePage:
    """The traces from the place on that was asked for. Raises NoSuchRecord and StoreError."""
    return list_traces(db, query.wanted, limit=limit, after=place_of(db, query))


def read_dots(db: Database, query: TraceQuery) -> tuple[TurnDot, ...]:
    """The turns from there on as dots. Raises NoSuchRecord and StoreError."""
    return list_dots(db, query.wanted, after=place_of(db, query))


def place_of(db: Database, query: TraceQuery) -> str | None:
    """The cursor before the place that was asked for; None: the new end."""
    if query.after is not None or query.until is None:
        return query.after
    return find_moment(db, query.wanted, query.until)


def read_filters(db: Database, query: TraceQuery, clock: Clock) -> tuple[Filter, ...]:
    """Every filter with what can be chosen, and how many traces that would find. Raises
    StoreError."""
    moments = [read_since(each, clock) for each in SINCE]
    counted = count_traces(db, query.wanted, list(COUNTED.values()), moments)
    filters = {name: _filter(name, counted.values[facet], query) for name, facet in COUNTED.items()}
    since = dict(zip(SINCE, counted.since, strict=True))
    is_capped = any(each.is_capped for each in counted.values.values())
    filters["since"] = Filter("since", _with_chosen("since", since, query), is_capped)
    return tuple(filters[name] for name in NAMES if name in filters)


def _filter(name: str, found: ValueCounts, query: TraceQuery) -> Filter:
    counts = {str(value): number for value, number in found.counts.items()}
    if name == "anomaly" and found.having:
        counts = {ANY: found.having, **counts}
    if name == "loss" and found.having:
        counts = {ANYWHERE: found.having, **counts}
    return Filter(name, _with_chosen(name, counts, query), found.is_capped)


def _with_chosen(
    name: str, counts: Mapping[str, int], query: TraceQuery
) -> tuple[FilterValue, ...]:
    """The values, with the chosen one among them although nothing may have it."""
    chosen = query.chosen(name)
    values = {**counts} if chosen is None else {**counts, chosen: counts.get(chosen, 0)}
    if name == "outcome" and chosen == FAILED:
        values[FAILED] = sum(number for value, number in counts.items() if value in FAILURES)
    return tuple(FilterValue(value, count, value == chosen) for value, count in values.items())
