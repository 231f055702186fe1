"""What a trace adds to a chunk: CPU with its collecting on and off, in one run.

A turn is played to `Answer.step`, one chunk a step as a model speaks, each written at once; with
a trace that collects, and with one whose `note…` do nothing. Both take turns, and medians count.
Beside it: what keeping the trace costs per chunk, on the writer's thread, for a usual turn of 60
chunks and for the whole turn. Target: under 0.5 µs per chunk.
"""

from __future__ import annotations

import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.scenario import Bench, Report, Scenario
from bench.servers import GATEWAY, Server
from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.core.turn_messages import PlaceGranted
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamSummary
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.traces import write_trace

TARGET_US = 0.5
USUAL_TURN = 60  # chunks
TEXT = "湖边的桂"


class MutedTrace(Trace):
    """A trace that collects nothing."""

    def note(self, kind: Happening, now: float, **data: Any) -> None:
        pass

    def note_chunk(self, now: float, sequence: int | None, text: str) -> None:
        pass

    def note_written(self, now: float, received_at: float, texts: Sequence[str]) -> None:
        pass


def play(kind: type[Trace], chunks: Sequence[StreamChunk], name: str = "trace_1") -> Trace:
    """One turn, 20 ms from chunk to chunk."""
    trace = kind(name, "turn", 1, 0.0)
    trace.note(Happening.REQUEST_RECEIVED, 0.0)
    answer = Answer(Patience(), Limits(), trace, 0.0)
    answer.step([PlaceGranted()], 0.0)
    now = 1.0
    for chunk in chunks:
        now += 0.02
        events = answer.step([chunk], now)
        trace.note_written(now, now - 0.0001, [event for event in events if isinstance(event, str)])
        answer.written()
    summary = StreamSummary("turn", TEXT * len(chunks), len(chunks))
    answer.step([StreamEnd("turn"), summary], now)
    trace.end(Outcome.ANSWERED)
    return trace


def cpu_us(work: Callable[[], object]) -> float:
    """Microseconds of CPU that this takes, without the collector of garbage in between."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time_ns()
        work()
        return (time.process_time_ns() - began) / 1000
    finally:
        gc.enable()


def measure_collecting(count: int, rounds: int) -> tuple[list[float], list[float]]:
    """µs per chunk with and without collecting, one pair for each round."""
    chunks = [StreamChunk("turn", TEXT, n) for n in range(count)]
    pairs: dict[type[Trace], list[float]] = {Trace: [], MutedTrace: []}
    for number in range(rounds + 1):
        order = [Trace, MutedTrace] if number % 2 else [MutedTrace, Trace]
        for kind in order:
            spent = cpu_us(lambda kind=kind: play(kind, chunks)) / count  # type: ignore[misc]
            if number:  # the first round warms up
                pairs[kind].append(spent)
    return pairs[Trace], pairs[MutedTrace]


def measure_keeping(db: sqlite3.Connection, count: int, turns: int, rounds: int) -> list[float]:
    """µs per turn of `count` chunks for writing its trace, in transactions of `turns`."""
    chunks = [StreamChunk("turn", TEXT, n) for n in range(count)]
    spent = []
    for number in range(rounds):
        traces = [play(Trace, chunks, f"trace_{number}_{n}") for n in range(turns)]
        now = datetime.now(UTC)

        def write(traces: list[Trace] = traces, now: datetime = now) -> None:
            with transaction(db):
                for trace in traces:
                    write_trace(db, trace, now, 0.0)

        spent.append(cpu_us(write) / turns)
    return spent


def measure(count: int, rounds: int) -> dict[str, float]:
    """Both costs, for turns of `count` chunks; medians of so many rounds."""
    on, off = measure_collecting(count, rounds)
    with tempfile.TemporaryDirectory() as folder, closing(open_database(Path(folder))) as db:
        kept = statistics.median(measure_keeping(db, USUAL_TURN, 50, min(rounds, 15)))
        empty = statistics.median(measure_keeping(db, 0, 50, min(rounds, 15)))
    return {
        "collecting_on_us_per_chunk": statistics.median(on),
        "collecting_off_us_per_chunk": statistics.median(off),
        "collecting_adds_us_per_chunk": statistics.median(
            a - b for a, b in zip(on, off, strict=True)
        ),
        "target_us_per_chunk": TARGET_US,
        "keeping_us_per_chunk": (kept - empty) / USUAL_TURN,
        "keeping_us_per_turn": kept,
    }


class TraceCost(Scenario):
    """What a stream trace adds to each chunk, within one process."""

    name = "trace"
    title = "Stream traces"
    about = "what collecting a trace adds to a chunk, and what keeping it costs on its own thread"
    figures = (
        Figure("adds_us", "collecting, µs per chunk", ("collecting_adds_us_per_chunk",), 3),
        Figure("keeping_us", "keeping, µs per chunk", ("keeping_us_per_chunk",), 3),
    )
    repeats = 1

    def can(self, server: Server) -> bool:
        return server.name == GATEWAY

    def measure(self, bench: Bench, server: Server) -> Report:  # noqa: ARG002
        chunks, rounds = {"full": (5_000, 41), "quick": (3_000, 11), "smoke": (200, 1)}[bench.size]
        return {**measure(chunks, rounds), "faults": {}}
