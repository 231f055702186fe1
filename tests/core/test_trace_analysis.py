"""What a trace says of the production turn when some of it is withheld, and of times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import KEPT_CHARACTERS, KEPT_CHUNKS, Outcome, Trace
from eyeclaw_trio.core.trace_analysis import NAMED_MISSING, TraceRecord, analyse, find_loss_position
from eyeclaw_trio.core.turn_messages import PlaceGranted, TurnMessage
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamSummary

CREATED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def run_turn(
    withheld: set[int], *, count: int = 60, summary: bool = True, keep: bool = False
) -> TraceRecord:
    """A turn of chunks 20 ms apart, from 1.0 s on, its end 5 ms behind the last."""
    texts = [f"第{n}段" for n in range(count)]
    trace = Trace("trace_1", "turn", 1, 0.5, message_id="m", agent_id="a", keeps_content=keep)
    answer = Answer(Patience(), Limits(), trace, 0.5)
    now = 0.6
    answer.step([PlaceGranted()], now)
    for n, text in enumerate(texts):
        now = 1.0 + n * 0.02
        if n not in withheld:
            write(answer, trace, [StreamChunk("turn", text, n)], now)
    now += 0.005
    messages: list[StreamEnd | StreamSummary] = [StreamEnd("turn")]
    if summary:
        messages.append(StreamSummary("turn", "".join(texts), count))
    write(answer, trace, messages, now)
    while not answer.complete:
        now = answer.deadline()
        write(answer, trace, [], now)
    trace.end(Outcome.ANSWERED)
    return analyse(trace, CREATED)


def write(
    answer: Answer,
    trace: Trace,
    messages: Sequence[TurnMessage],
    now: float,
) -> None:
    events = answer.step(messages, now)
    texts = [event for event in events if isinstance(event, str)]
    if texts:
        trace.note_written(now + 0.001, now, texts)
    answer.written()


@pytest.mark.parametrize(
    ("withheld", "position"),
    [
        ({57, 58, 59}, "tail"),
        ({0, 1, 2}, "head"),
        ({30}, "middle"),
        ({20, 40}, "middle"),
        ({0, 59}, "mixed"),
        ({14}, "head"),
        ({15}, "middle"),
        ({44}, "middle"),
        ({45}, "tail"),
        (set(), None),
        (set(range(5, 55)), "mixed"),
    ],
)
def test_what_is_missing_is_named_and_located(withheld: set[int], position: str | None) -> None:
    record = run_turn(withheld)
    assert record.missing_sequences == tuple(sorted(withheld))
    assert record.missing_count == len(withheld)
    assert record.loss_position == position
    assert record.sdk_total_chunks == 60
    assert record.sdk_chunk_count == 60 - len(withheld)
    assert record.anomaly is bool(withheld)
    assert record.status == ("anomaly" if withheld else "completed")
    assert record.outcome == "answered"
    assert record.anomalies == (("healed",) if withheld else ())


def test_the_delays_of_a_whole_turn() -> None:
    record = run_turn(set())
    assert record.first_chunk_delay == 500.0
    assert record.avg_chunk_interval == 20.0
    assert record.last_chunk_delay == 5.0
    assert record.sse_chunk_count == 60
    assert record.created_at == "2026-01-01T12:00:00.000Z"


def test_the_events_stand_in_the_order_of_their_times() -> None:
    record = run_turn({59})
    kinds = [event["type"] for event in record.events]
    assert kinds[0] == "command_broadcast"
    assert kinds[1:3] == ["sdk_chunk_received", "sse_chunk_sent"]
    assert kinds.count("sdk_chunk_received") == 59
    assert kinds[-5:] == [
        "stream_end",
        "stream_summary_received",
        "anomaly_detected",
        "compensation_sent",
        "sse_chunk_sent",
    ]
    stamps = [event["timestamp"] for event in record.events]
    assert stamps == sorted(stamps)
    assert record.events[1]["data"] == {"sequence": 0}
    assert record.events[2]["data"] == {"chunks": 1, "delay_ms": 1.0}


def test_texts_are_kept_only_when_that_is_wanted() -> None:
    assert (run_turn(set()).sdk_content, run_turn(set()).sse_content) == (None, None)
    record = run_turn({1}, count=3, keep=True)
    assert record.sdk_content == "第0段第2段"
    assert record.sse_content == "第0段第1段第2段"


def test_a_turn_without_a_chunk_has_no_delays() -> None:
    trace = Trace("trace_1", "turn", 1, 0.0)
    trace.end(Outcome.OFFLINE)
    record = analyse(trace, CREATED)
    assert (record.first_chunk_delay, record.avg_chunk_interval) == (None, None)
    assert (record.last_chunk_delay, record.loss_position) == (None, None)
    assert record.status == "completed"


def test_an_end_that_overtook_has_no_delay_below_zero() -> None:
    trace = Trace("trace_1", "turn", 1, 0.0)
    answer = Answer(Patience(), Limits(), trace, 0.0)
    answer.step([PlaceGranted()], 0.0)
    write(answer, trace, [StreamChunk("turn", "a", 1), StreamEnd("turn")], 1.0)
    write(answer, trace, [StreamChunk("turn", "b", 0)], 1.5)
    assert analyse(trace, CREATED).last_chunk_delay == 0.0


def test_a_slow_reader_is_an_anomaly() -> None:
    trace = Trace("trace_1", "turn", 1, 0.0)
    trace.end(Outcome.SLOW_READER)
    record = analyse(trace, CREATED)
    assert (record.status, record.anomalies) == ("anomaly", ("slow_reader",))


def test_a_claim_of_countless_chunks_costs_no_memory() -> None:
    trace = Trace("trace_1", "turn", 1, 0.0)
    trace.missing = ((1, 2**53),)
    record = analyse(trace, CREATED)
    assert len(record.missing_sequences) == NAMED_MISSING
    assert record.missing_count == 2**53
    assert find_loss_position(trace.missing, 2**53 + 1) == "mixed"


def test_an_endless_text_is_cut_off_and_counted_to_its_end() -> None:
    trace = Trace("trace_1", "turn", 1, 0.0, keeps_content=True)
    for n in range(3_000):
        trace.note_chunk(n / 1000, n, "x" * 1000)
    record = analyse(trace, CREATED)
    assert len(record.sdk_content or "") == KEPT_CHARACTERS // 1000 * 1000
    assert len(trace.chunk_times) == 3_000


def test_a_long_answer_is_counted_to_its_end_but_not_kept_chunk_by_chunk() -> None:
    trace = Trace("trace_1", "turn", 1, 0.0)
    for n in range(KEPT_CHUNKS + 5):
        trace.note_chunk(n / 1000, n, "x")
        trace.note_written(n / 1000, n / 1000, ["x"])
    assert len(trace.chunk_times) == len(trace.write_times) == KEPT_CHUNKS
    assert trace.chunks_written == KEPT_CHUNKS + 5
    assert trace.last_chunk_at == (KEPT_CHUNKS + 4) / 1000
