"""The newest turns that failed."""

from __future__ import annotations

from pathlib import Path

from store_helpers import NOON, NOON_STAMP, opened
from trace_helpers import make_trace

from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.store.database import transaction
from eyeclaw_trio.store.failures import FailedTurn, list_failures
from eyeclaw_trio.store.traces import write_trace


def test_the_newest_failures_come_first_and_answers_and_running_turns_not_at_all(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        for number, outcome in enumerate(
            [Outcome.OFFLINE, Outcome.ANSWERED, Outcome.CANCELLED, Outcome.TIMEOUT, None]
        ):
            trace = make_trace(f"trace_{number}")
            if outcome is not None:
                trace.end(outcome, reason="why")
            with transaction(db):
                write_trace(db, trace, NOON, 0.0)
        timeout, offline = list_failures(db)
        assert timeout == FailedTurn("trace_3", timeout.code, NOON_STAMP, "timeout", "why", 1)
        assert (offline.trace_id, offline.outcome) == ("trace_0", "offline")
        assert list_failures(db, 1) == (timeout,)
