"""The numbers that count: what they are called, and where a report has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen


@frozen
class Figure:
    """One number of a report, by the way there."""

    name: str
    title: str
    path: tuple[str, ...]
    digits: int = 2

    def of(self, report: Mapping[str, Any]) -> float | None:
        """Its value; None where there was nothing to be measured."""
        value: Any = report
        for key in self.path:
            value = value.get(key) if value is not None else None
        return None if value is None else float(value)


def times(name: str, title: str, *points: str) -> list[Figure]:
    """The same duration at several percentiles, in milliseconds."""
    words = {"p50": "p50", "p99": "p99", "p99_9": "p99.9", "max": "max"}
    return [
        Figure(f"{name}_{point}", f"{title} {words[point]} ms", (f"{name}_ms", point), 3)
        for point in points
    ]


CPU: Final = Figure("cpu_us_per_chunk", "µs CPU per chunk", ("cpu_us_per_chunk",))
RATE: Final = Figure("chunks_per_s", "chunks/s", ("chunks_per_s",), 0)
BUSY: Final = Figure("load_busy", "generator's core", ("load_busy",))
DELAY: Final = times("delay", "delay", "p50", "p99", "p99_9")
FIRST_BYTE: Final = times("first_byte", "first byte", "p50", "p99")
FIRST_CHUNK: Final = times("first_chunk", "first chunk", "p50", "p99")
PROBE: Final = times("probe", "event loop", "p50", "p99", "max")
MEMORY: Final = [
    Figure("rss_before_mb", "MB before", ("memory_mb", "before"), 1),
    Figure("rss_after_mb", "MB after", ("memory_mb", "after"), 1),
    Figure("kb_per_connection", "KB each (RSS)", ("memory_mb", "kb_each"), 1),
    Figure("pss_kb_per_connection", "KB each (PSS)", ("memory_mb", "pss_kb_each"), 1),
]
MODEL: Final = [
    Figure("model_requests", "requests", ("model", "requests"), 0),
    Figure("model_connections", "connections", ("model", "connections"), 0),
]
