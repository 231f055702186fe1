"""What is counted, for Prometheus. No label per bot, key or session: their number has no bound;
that of providers has, they are in the settings.

Turns are counted when they end, from their trace, so that a chunk costs nothing here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import trio
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from eyeclaw_trio.core.provider_timing import SEGMENTS, ProviderAnswer
from eyeclaw_trio.core.trace import Trace

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Seconds; a wearer notices from about half a second on.
_FIRST_CHUNK_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 30.0, 60.0)
# Seconds; relaying a chunk takes some tenths of a millisecond, and 25 ms of them is a fault.
_DELAY_BUCKETS: Final = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
)  # fmt: skip
# Seconds between two looks at how late the event loop wakes a task.
_LOOK_EVERY: Final = 1.0


class Delays(Collector):
    """A histogram that takes many values at once: an answer may have ten thousand."""

    def __init__(self, name: str, text: str, registry: CollectorRegistry) -> None:
        self._name, self._text = name, text
        self._counts = [0] * (len(_DELAY_BUCKETS) + 1)
        self._sum = 0.0
        registry.register(self)

    def note(self, seconds: Sequence[float]) -> None:
        """Count these delays."""
        # Sorted once and cut at each bound, which is ten times faster than one by one.
        ordered = sorted(seconds)
        before = 0
        for index, bound in enumerate(_DELAY_BUCKETS):
            until = bisect_right(ordered, bound, before)
            self._counts[index] += until - before
            before = until
        self._counts[-1] += len(ordered) - before
        self._sum += sum(ordered)

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for when it renders."""
        names = [*map(str, _DELAY_BUCKETS), "+Inf"]
        pairs = list(zip(names, map(float, accumulate(self._counts)), strict=True))
        yield HistogramMetricFamily(self._name, self._text, buckets=pairs, sum_value=self._sum)


class _Total(Collector):
    """A counter that somebody else keeps."""

    def __init__(self, name: str, text: str, value: Callable[[], float]) -> None:
        self._name, self._text, self._value = name, text, value

    def collect(self) -> Iterable[Metric]:
        return [CounterMetricFamily(self._name, self._text, value=self._value())]


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
        self._pushes = Counter("eyeclaw_pushes", "Pushes", ["outcome"], registry=self.registry)
        chunks = Counter(
            "eyeclaw_chunks",
            "Chunks of answers: in, out, duplicate, missing",
            ["kind"],
            registry=self.registry,
        )
        self._chunks_in, self._chunks_out = chunks.labels("in"), chunks.labels("out")
        self._chunks_twice, self._chunks_missing = (
            chunks.labels("duplicate"),
            chunks.labels("missing"),
        )
        self._first_chunk = Histogram(
            "eyeclaw_first_chunk_seconds",
            "From the question to the first chunk of its answer",
            buckets=_FIRST_CHUNK_BUCKETS,
            registry=self.registry,
        )

        self._provider_answers = Counter(
            "eyeclaw_provider_answers",
            "What became of questions to providers: answered, or why not",
            ["provider", "outcome"],
            registry=self.registry,
        )
        self._provider_targets = Counter(
            "eyeclaw_provider_targets",
            "Answers of providers that met or missed their targets, over a warm or cold connection",
            ["provider", "connection", "result"],
            registry=self.registry,
        )
        self._provider_segments = Histogram(
            "eyeclaw_provider_seconds",
            "From asking a provider to the end of each segment of its answer",
            ["provider", "segment"],
            buckets=_FIRST_CHUNK_BUCKETS,
            registry=self.registry,
        )
        self.relay_delay = Delays(
            "eyeclaw_relay_delay_seconds",
            "From a chunk's arrival to the end of its write to the reader",
            self.registry,
        )
        self.loop_delay = Delays(
            "eyeclaw_event_loop_delay_seconds",
            "How late the event loop wakes a task, looked at every second",
            self.registry,
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a number that somebody else keeps, read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def watch_total(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a number that somebody else keeps and that only grows; `_total` is added to it."""
        self.registry.register(_Total(name, text, value))

    def count_turn(self, trace: Trace) -> None:
        """Count a turn that has ended."""
        outcome = trace.outcome.value if trace.outcome is not None else "unknown"
        self._turns.labels(outcome).inc()
        self._chunks_in.inc(trace.chunks_received)
        self._chunks_out.inc(trace.chunks_written)
        if trace.duplicates:
            self._chunks_twice.inc(trace.duplicates)
        if trace.missing:
            self._chunks_missing.inc(trace.missing_count)
        if trace.first_chunk_at is not None:
            self._first_chunk.observe(trace.first_chunk_at - trace.started_at)
        self.relay_delay.note(trace.relay_delays)

    def count_push(self, trace: Trace) -> None:
        """Count something that was said, or should have been, outside an answer."""
        self._pushes.labels(trace.outcome.value if trace.outcome is not None else "unknown").inc()

    def count_provider_answer(self, answer: ProviderAnswer, is_met: bool | None) -> None:
        """Count an answer of a provider, or its failure; `is_met` says whether it was in time."""
        provider = answer.provider
        outcome = answer.reason.value if answer.reason is not None else "answered"
        self._provider_answers.labels(provider, outcome).inc()
        if is_met is None:
            return
        connection = "cold" if answer.is_cold else "warm"
        self._provider_targets.labels(provider, connection, "met" if is_met else "missed").inc()
        for name in SEGMENTS:
            if (at := getattr(answer.segments, name)) is not None:
                self._provider_segments.labels(provider, name).observe(at)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


async def measure_loop_delay(delays: Delays) -> None:
    """Look until cancelled how late this task is woken: what else runs on the loop shows there."""
    while True:
        due = trio.current_time() + _LOOK_EVERY
        await trio.sleep_until(due)
        delays.note([trio.current_time() - due])
