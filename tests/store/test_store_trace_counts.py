"""Counts beside the filters of the list, and what has an end: counting, and looking for a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_helpers import NOON, opened
from test_store_trace_list import EVERYTHING, HEALED, LOST, ids, in_memory, some_traces, write
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store import trace_counts, trace_list
from eyeclaw_trio.store.database import one_moment
from eyeclaw_trio.store.trace_counts import FACETS, Facet, TraceCounts, count_traces
from eyeclaw_trio.store.trace_list import (
    ANYWHERE,
    FAILED,
    FAILURES,
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


def test_counts_are_all_of_one_moment_whoever_writes_meanwhile(tmp_path: Path) -> None:
    with opened(tmp_path) as db, opened(tmp_path) as other:
        write(db, end_trace(make_trace("trace_1")))
        with one_moment(db), one_moment(db):
            assert count_traces(db, EVERYTHING).values["source"].looked_at == 1
            write(other, end_trace(make_trace("trace_2")))
            assert count_traces(db, EVERYTHING).values["source"].looked_at == 1
        assert not db.in_transaction
        assert count_traces(db, EVERYTHING).values["source"].looked_at == 2


Kind = tuple[Outcome | None, int | None, str, str | None, tuple[Anomaly, ...], tuple[int, ...], int]
turns: st.SearchStrategy[list[Kind]] = st.lists(
    st.tuples(
        st.sampled_from([None, *Outcome]),
        st.sampled_from([None, 1, 2]),
        st.sampled_from(["rokid", "chat"]),
        st.sampled_from([None, "anna", "Bert"]),
        st.sampled_from([(), (LOST,), (LOST, HEALED)]),
        st.sampled_from([(), (0,), (9,)]),
        st.integers(0, 5),
    ),
    max_size=24,
)
moments = st.integers(0, 5).map(lambda minute: NOON + timedelta(minutes=minute))
any_filter = st.builds(
    TraceFilter,
    outcome=st.sampled_from([None, RUNNING, FAILED, "answered", "offline"]),
    bot_id=st.sampled_from([None, 1, 3]),
    source=st.sampled_from([None, "chat"]),
    anomaly=st.sampled_from([None, LOST.value, HEALED.value]),
    is_anomaly=st.booleans(),
    loss_position=st.sampled_from([None, ANYWHERE, "head", "tail"]),
    user_id=st.sampled_from([None, "anna", "nobody"]),
    since=st.none() | moments,
    until=st.none() | moments,
    text=st.sampled_from(["", "trace_1", "_"]),
)


def holding(each: TraceRecord, wanted: TraceFilter) -> dict[str, bool]:
    """Which of the filter's conditions this trace fulfils."""
    outcomes = {FAILED: FAILURES, None: (each.outcome or RUNNING,)}
    position = each.loss_position is not None if wanted.loss_position == ANYWHERE else None
    return {
        "outcome": (each.outcome or RUNNING) in outcomes.get(wanted.outcome, (wanted.outcome,)),
        "bot_id": wanted.bot_id in (None, each.bot_id),
        "source": wanted.source in (None, each.source),
        "anomaly": wanted.anomaly is None or wanted.anomaly in each.anomalies,
        "is_anomaly": each.anomaly or not wanted.is_anomaly,
        "loss_position": wanted.loss_position in (None, each.loss_position)
        if position is None
        else position,
        "user_id": wanted.user_id in (None, each.user_id),
        "since": wanted.since is None or each.created_at >= to_stamp(wanted.since),
        "until": wanted.until is None or each.created_at < to_stamp(wanted.until),
        "text": wanted.text in each.trace_id,
    }


def values_of(each: TraceRecord, facet: Facet) -> Sequence[str | int]:
    if facet == "anomaly":
        return each.anomalies
    value = getattr(each, facet)
    if facet == "outcome":
        return (value or RUNNING,)
    return () if value is None else (value,)


@given(turns, any_filter, st.lists(moments, max_size=3), st.sampled_from([3, 10_000]))
def test_counts_agree_with_counting_one_by_one(
    kinds: list[Kind],
    wanted: TraceFilter,
    since: list[datetime],
    counted: int,
) -> None:
    with in_memory() as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace_counts, "COUNTED", counted)
        for number, (outcome, bot_id, source, user_id, anomalies, lost, minute) in enumerate(kinds):
            trace = make_trace(f"trace_{number}", user_id=user_id)
            trace.bot_id, trace.source, trace.outcome = bot_id, source, outcome
            trace.anomalies = tuple(anomalies)
            trace.missing, trace.total_chunks = tuple((at, at) for at in lost), 10
            write(db, trace, at=NOON + timedelta(minutes=minute))
        everything = list(walk_traces(db, EVERYTHING, 100))
        found = count_traces(db, wanted, since=since)

        def newest(facet: str) -> list[TraceRecord]:
            """Where all else holds, as many as are counted."""
            fitting = [
                each
                for each in everything
                if all(holds for name, holds in holding(each, wanted).items() if name != facet)
            ]
            return fitting[:counted]

        for facet in FACETS:
            looked_at = newest(facet)
            listed = [values_of(each, facet) for each in looked_at]
            assert found.values[facet].counts == Counter(value for each in listed for value in each)
            assert found.values[facet].looked_at == len(looked_at)
            assert found.values[facet].having == sum(bool(each) for each in listed)
            assert found.values[facet].is_capped == (len(looked_at) == counted)
        begun = [each.created_at for each in newest("since")]
        assert found.since == tuple(sum(at >= to_stamp(moment) for at in begun) for moment in since)
