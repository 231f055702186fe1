"""Counts beside the filters of the list, and what has an end: counting, and looking for a text."""

from __future__ import annotations

from datetime import timedelta

import pytest
from store_helpers import NOON
from test_store_trace_list import EVERYTHING, HEALED, LOST, ids, in_memory, some_traces, write
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.store import trace_counts, trace_list
from eyeclaw_trio.store.trace_counts import FACETS, Facet, TraceCounts, count_traces
from eyeclaw_trio.store.trace_list import (
    ANYWHERE,
    FAILED,
    RUNNING,
    TraceFilter,
    list_traces,
    walk_traces,
)


def test_each_value_is_counted_where_all_else_of_the_filter_holds() -> None:
    with in_memory() as db:
        write(db, *some_traces())

        def count(facet: Facet, wanted: TraceFilter = EVERYTHING) -> dict[str | int, int]:
            alone = count_traces(db, wanted, [facet]).values[facet]
            assert count_traces(db, wanted).values[facet] == alone  # however many are asked for
            return dict(alone.counts)

        assert count("outcome") == {"answered": 1, "slow_reader": 1, "offline": 1, RUNNING: 1}
        assert count("bot_id") == {1: 3, 2: 1}
        assert list(count("bot_id")) == [1, 2]  # the most frequent first
        assert count("source") == {"rokid": 3, "chat": 1}
        assert count("anomaly") == {LOST.value: 1, HEALED.value: 1, "slow_reader": 1}
        assert count("loss_position") == {"tail": 1}
        assert count("user_id") == {"anna": 1, "Bert": 1}
        # What is chosen already does not hide what else could be chosen.
        chosen = TraceFilter(bot_id=2, is_anomaly=True)
        assert count("bot_id", chosen) == {1: 1, 2: 1}
        assert count("outcome", chosen) == {"answered": 1}
        # A trace may have several anomalies, and most have none.
        anomalies = count_traces(db, EVERYTHING).values["anomaly"]
        assert (anomalies.looked_at, anomalies.having) == (4, 2)
        # That any is asked for hides none of them, nor how many there are.
        assert count_traces(db, TraceFilter(is_anomaly=True)).values["anomaly"].looked_at == 2
        assert count_traces(db, EVERYTHING, []) == TraceCounts({}, ())


def test_a_filter_of_the_same_facet_hides_nothing_of_it() -> None:
    with in_memory() as db:
        write(db, *some_traces())
        everything = count_traces(db, EVERYTHING).values
        chosen: tuple[tuple[TraceFilter, Facet], ...] = (
            (TraceFilter(outcome=FAILED), "outcome"),
            (TraceFilter(anomaly=LOST.value), "anomaly"),
            (TraceFilter(loss_position=ANYWHERE), "loss_position"),
            (TraceFilter(user_id="nobody"), "user_id"),
        )
        for wanted, facet in chosen:
            assert count_traces(db, wanted, [facet]).values[facet] == everything[facet]


def test_what_began_since_some_moments_is_counted_whatever_since_is_chosen() -> None:
    with in_memory() as db:
        for minute in range(5):
            write(db, make_trace(f"trace_{minute}"), at=NOON + timedelta(minutes=minute))
        moments = [NOON + timedelta(minutes=minute) for minute in (9, 3, 0)]
        chosen = TraceFilter(since=moments[1])
        for wanted in (EVERYTHING, chosen):
            assert count_traces(db, wanted, [], moments).since == (0, 2, 5)
            assert count_traces(db, wanted, FACETS, moments).since == (0, 2, 5)
        assert count_traces(db, chosen, FACETS, moments).values["source"].counts == {"rokid": 2}
        assert count_traces(db, TraceFilter(outcome="answered"), [], moments).since == (0, 0, 0)


def test_counting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_counts, "COUNTED", 5)
    monkeypatch.setattr(trace_counts, "NAMED", 2)
    with in_memory() as db:
        for number in range(8):
            write(db, end_trace(make_trace(f"trace_{number}", user_id=f"user_{number % 4}")))
        counted = count_traces(db, EVERYTHING).values["user_id"]
        assert counted.counts == {"user_3": 2, "user_0": 1}  # of the newest five: 7 6 5 4 3
        assert (counted.looked_at, counted.is_capped) == (5, True)
        assert count_traces(db, EVERYTHING, since=[NOON]).since == (5,)
        assert not count_traces(db, TraceFilter(text="trace_1")).values["user_id"].is_capped


def test_a_text_is_looked_for_in_so_many_traces_and_further_back_by_the_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trace_list, "SEARCHED", 3)
    wanted = TraceFilter(text="anna")
    with in_memory() as db:
        for number in range(8):
            user_id = "anna" if number in (0, 6) else "bert"
            write(db, end_trace(make_trace(f"trace_{number}", user_id=user_id)))
        pages = []
        cursor: str | None = None
        while True:
            page = list_traces(db, wanted, after=cursor)
            pages.append((ids(page.traces), page.is_cut))
            cursor = page.next
            if cursor is None:
                break
        assert pages == [(["6"], True), ([], True), (["0"], False)]
        assert ids(list(walk_traces(db, wanted, 9))) == ["6", "0"]
        # Counts say that they are of the newest only; a cursor beyond them is the new end.
        assert count_traces(db, wanted).values["user_id"].counts == {"anna": 1}
        assert count_traces(db, wanted).values["user_id"].is_capped
        assert ids(list_traces(db, wanted, after="9" * 18).traces) == ["6"]
        # All other filters see to the end.
        assert ids(list_traces(db, TraceFilter(user_id="anna")).traces) == ["6", "0"]
