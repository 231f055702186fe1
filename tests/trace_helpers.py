"""Turns for the tests of traces: short ones, and the production turn with parts withheld."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.core.turn_messages import PlaceGranted, TurnMessage
from eyeclaw_trio.protocol.bot import StreamMessage, decode_from_bot

FIXTURE: Final = Path(__file__).parent / "fixtures" / "production_turn_60.jsonl"
FIRST_CHUNK_AFTER: Final = 0.5  # seconds, from the question


def make_trace(trace_id: str = "trace_1", started_at: float = 100.0, **fields: Any) -> Trace:
    """A turn that has begun."""
    trace = Trace(trace_id, f"session_of_{trace_id}", 1, started_at, **fields)
    trace.note(Happening.REQUEST_RECEIVED, started_at)
    return trace


def end_trace(trace: Trace, after: float = 1.0) -> Trace:
    """The same, answered."""
    trace.end(Outcome.ANSWERED)
    trace.note(Happening.FINISHED, trace.started_at + after)
    return trace


def replay_production_turn(
    withheld: Collection[int] = (), *, started_at: float = 100.0, **fields: Any
) -> Trace:
    """The real turn of sixty chunks, each written 1 ms after it came."""
    trace = make_trace("trace_production", started_at, message_id="1021", agent_id="1", **fields)
    answer = Answer(Patience(), Limits(), trace, started_at)
    answer.step([PlaceGranted()], started_at)
    began = started_at + FIRST_CHUNK_AFTER
    for line in FIXTURE.read_text("utf-8").splitlines():
        wire = json.loads(line)
        if wire.get("sequence") in withheld:
            continue
        now = began + wire.pop("at_ms") / 1000
        message = decode_from_bot(json.dumps({"session_id": trace.session_id, **wire}))
        assert isinstance(message, StreamMessage)
        _step(answer, trace, [message], now)
    assert answer.complete
    return end_trace(trace, now + 0.002 - started_at)


def _step(answer: Answer, trace: Trace, messages: list[TurnMessage], now: float) -> None:
    texts = [event for event in answer.step(messages, now) if isinstance(event, str)]
    if texts:
        trace.note_written(now + 0.001, now, texts)
    answer.written()
