"""A turn told as lines, in the time of whoever reads it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from eyeclaw_trio.core.time_line import describe_turn, local_time
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.core.trace_analysis import analyse

SHANGHAI = timezone(timedelta(hours=8))


def in_shanghai(moment: datetime) -> datetime:
    return moment.astimezone(SHANGHAI)


def test_a_time_is_shown_in_the_zone_that_is_handed_in() -> None:
    assert local_time("2026-01-31T20:30:00.250Z", in_shanghai) == "2026-02-01 04:30:00"


def test_the_head_of_a_turn_says_when_it_began_and_why_it_was_refused() -> None:
    trace = Trace("trace_1", "s", 7, 0.0, message_id="1021", agent_id="1")
    trace.end(Outcome.REJECTED, reason="bot_busy")
    record = analyse(trace, datetime.fromisoformat("2026-01-31T20:30:00Z"))
    told = dict(describe_turn(record, in_shanghai))
    assert told["began"] == "2026-02-01 04:30:00 (bot 7, rokid)"
    assert "bot_busy" in told["outcome"]
