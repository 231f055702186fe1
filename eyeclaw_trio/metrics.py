"""What is counted, for Prometheus. No label per bot, key or session: their number has no bound.

Turns are counted when they end, from their trace, so that a chunk costs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from eyeclaw_trio.core.trace import Trace

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Seconds; a wearer notices from about half a second on.
_FIRST_CHUNK_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.failed_keys = Counter(
            "eyeclaw_failed_authentications",
            "Keys and tokens that were refused",
            registry=self.registry,
        )
        self._turns = Counter(
            "eyeclaw_turns", "Turns that have ended", ["outcome"], registry=self.registry
        )
        self._chunks = Counter(
            "eyeclaw_chunks",
            "Chunks of answers: in, out, duplicate, missing",
            ["kind"],
            registry=self.registry,
        )
        self._first_chunk = Histogram(
            "eyeclaw_first_chunk_seconds",
            "From the question to the first chunk of its answer",
            buckets=_FIRST_CHUNK_BUCKETS,
            registry=self.registry,
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a number that somebody else keeps, read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def count_turn(self, trace: Trace) -> None:
        """Count a turn that has ended."""
        outcome = trace.outcome.value if trace.outcome is not None else "unknown"
        self._turns.labels(outcome).inc()
        self._chunks.labels("in").inc(trace.chunks_received)
        self._chunks.labels("out").inc(trace.chunks_written)
        self._chunks.labels("duplicate").inc(trace.duplicates)
        self._chunks.labels("missing").inc(trace.missing_count)
        if trace.first_chunk_at is not None:
            self._first_chunk.observe(trace.first_chunk_at - trace.started_at)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
