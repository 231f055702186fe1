"""What a trace means: losses and where, delays, status; and the record that is kept of it.

All of it is derived once, when a turn is over, from what `core/trace` collected (CLI, "A stream
trace"). Delays are in milliseconds, as the contract wants them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from operator import itemgetter
from typing import Any, Final, Literal

from attrs import frozen

from eyeclaw_trio.core.trace import UNNUMBERED, KeptTexts, Outcome, Trace
from eyeclaw_trio.protocol.timestamps import to_stamp

LossPosition = Literal["head", "middle", "tail", "mixed"]
Status = Literal["pending", "active", "completed", "anomaly"]

# A summary may claim any number of chunks: so many missing ones are named, the others counted.
NAMED_MISSING: Final = 1_000


@frozen
class TraceRecord:
    """One stream trace as it is kept and shown; the fields are CLI's.

    `events` are complete: chunks and writes stand among them at their times. Times are ISO 8601,
    UTC. `missing_count` counts those too that `missing_sequences` no longer names.
    """

    trace_id: str
    message_id: str
    agent_id: str
    user_id: str | None
    bot_id: int | None
    session_id: str
    source: str
    status: Status
    outcome: str | None
    code: str | None
    reason: str
    said: str
    events: tuple[dict[str, Any], ...]
    sdk_chunk_count: int
    sse_chunk_count: int
    sdk_total_chunks: int | None
    missing_sequences: tuple[int, ...]
    missing_count: int
    loss_position: LossPosition | None
    first_chunk_delay: float | None
    avg_chunk_interval: float | None
    last_chunk_delay: float | None
    duplicates: int
    resumed: int
    sdk_content: str | None
    sse_content: str | None
    anomaly: bool
    anomalies: tuple[str, ...]
    created_at: str
    updated_at: str


def analyse(trace: Trace, created_at: datetime, *, with_events: bool = True) -> TraceRecord:
    """The record of a turn, over or not. `created_at` is the wall clock at `started_at`.

    Listing the events costs some µs for each chunk, all else together next to nothing: without
    them this is cheap enough for every turn.
    """
    anomalies = tuple(dict.fromkeys(anomaly.value for anomaly in trace.anomalies))
    if trace.outcome in (Outcome.SLOW_READER, Outcome.INTERRUPTED):
        anomalies = (*anomalies, trace.outcome.value)
    speech = trace.speech
    if speech is not None and trace.outcome is Outcome.ANSWERED:
        anomalies += ("unwritten",) if speech.written != speech.let_through else ()
    return TraceRecord(
        trace_id=trace.trace_id,
        message_id=trace.message_id,
        agent_id=trace.agent_id,
        user_id=trace.user_id,
        bot_id=trace.bot_id,
        session_id=trace.session_id,
        source=trace.source,
        status=_status(trace, anomalies),
        outcome=trace.outcome.value if trace.outcome is not None else None,
        code=trace.code,
        reason=trace.reason,
        said=trace.said,
        events=tuple(list_events(trace, created_at)) if with_events else (),
        sdk_chunk_count=trace.chunks_received,
        sse_chunk_count=trace.chunks_written,
        sdk_total_chunks=trace.total_chunks,
        missing_sequences=tuple(_name_missing(trace.missing)),
        missing_count=trace.missing_count,
        loss_position=find_loss_position(trace.missing, _count_chunks(trace)),
        first_chunk_delay=_milliseconds(trace.started_at, trace.first_chunk_at),
        avg_chunk_interval=_mean_interval(trace),
        last_chunk_delay=_last_delay(trace),
        duplicates=trace.duplicates,
        resumed=trace.resumed,
        sdk_content=_in_order(trace) if trace.keeps_content else None,
        sse_content="".join(_texts(trace).written) if trace.keeps_content else None,
        anomaly=bool(anomalies),
        anomalies=anomalies,
        created_at=to_stamp(created_at),
        updated_at=to_stamp(created_at + timedelta(seconds=_last_moment(trace) - trace.started_at)),
    )


def find_loss_position(missing: Sequence[tuple[int, int]], total: int) -> LossPosition | None:
    """Where in the sequence of `total` chunks the missing ones lie: quarters at both ends."""
    places: set[LossPosition] = set()
    for first, last in missing:
        # Compared without division: no sequence is long enough to lose exactness here.
        if first * 4 < total:
            places.add("head")
        if last * 4 >= total * 3:
            places.add("tail")
        if last * 4 >= total and first * 4 < total * 3:
            places.add("middle")
    if not places:
        return None
    return places.pop() if len(places) == 1 else "mixed"


def _status(trace: Trace, anomalies: Sequence[str]) -> Status:
    if trace.outcome is None:
        return "pending" if trace.sent_at is None else "active"
    return "anomaly" if anomalies else "completed"


def _count_chunks(trace: Trace) -> int:
    """How many chunks there were, as far as anybody knows."""
    highest = max((last for _, last in trace.missing), default=-1)
    if trace.chunk_sequences:
        highest = max(highest, *trace.chunk_sequences)
    return max(highest + 1, trace.total_chunks or 0)


def _name_missing(missing: Sequence[tuple[int, int]]) -> Iterator[int]:
    named = 0
    for first, last in missing:
        for sequence in range(first, min(last + 1, first + NAMED_MISSING - named)):
            yield sequence
            named += 1


def _mean_interval(trace: Trace) -> float | None:
    first, last = trace.first_chunk_at, trace.last_chunk_at
    if first is None or last is None or trace.chunks_received < 2:
        return None
    return round((last - first) * 1000 / (trace.chunks_received - 1), 3)


def _last_delay(trace: Trace) -> float | None:
    if trace.last_chunk_at is None or trace.ended_at is None:
        return None
    return round(max(0.0, trace.ended_at - trace.last_chunk_at) * 1000, 3)


def _milliseconds(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 3)


def _texts(trace: Trace) -> KeptTexts:
    return trace.texts or KeptTexts()


def _in_order(trace: Trace) -> str:
    """The received text in the order of the answer; unnumbered chunks where they came."""
    pairs = list(zip(trace.chunk_sequences, _texts(trace).received, strict=False))
    if any(sequence != UNNUMBERED for sequence, _ in pairs):
        pairs.sort(key=lambda pair: pair[0])
    return "".join(text for _, text in pairs)


def _last_moment(trace: Trace) -> float:
    moments = [trace.started_at, *(event.at for event in trace.events)]
    moments += trace.chunk_times[-1:]
    moments += trace.write_times[-1:]
    return max(moments)


def list_events(trace: Trace, created_at: datetime) -> Iterator[dict[str, Any]]:
    """All events in the order of their times; of the same time, in the order of a turn.

    Made one by one as they are taken: who wants the first hundred of a long answer pays for those.
    """
    once = sorted(_events_once(trace), key=_time_and_rank)
    # Chunks and writes were noted in the order of their times.
    for at, _, kind, data in merge(once, _chunks(trace), _writes(trace), key=_time_and_rank):
        moment = created_at + timedelta(seconds=at - trace.started_at)
        yield {"type": kind, "data": data, "timestamp": to_stamp(moment)}


# A time, the rank among events of the same time, the type, and more about it.
_Ranked = tuple[float, int, str, dict[str, Any]]
_time_and_rank = itemgetter(0, 1)


def _events_once(trace: Trace) -> Iterator[_Ranked]:
    for event in trace.events:
        rank = 0 if event.at <= (trace.first_chunk_at or event.at) else 3
        yield event.at, rank, event.kind.value, event.data


def _chunks(trace: Trace) -> Iterator[_Ranked]:
    for at, sequence in zip(trace.chunk_times, trace.chunk_sequences, strict=True):
        number = None if sequence == UNNUMBERED else sequence
        yield at, 1, "sdk_chunk_received", {"sequence": number}


def _writes(trace: Trace) -> Iterator[_Ranked]:
    for at, size, delay in zip(
        trace.write_times, trace.write_sizes, trace.relay_delays, strict=True
    ):
        yield at, 2, "sse_chunk_sent", {"chunks": size, "delay_ms": round(delay * 1000, 3)}
