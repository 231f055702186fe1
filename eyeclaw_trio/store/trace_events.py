"""The events of a turn as they lie in the database: small, and cheap to write.

What happened once is JSON; what comes with each chunk stays the arrays of numbers that it was
collected in. Naming every chunk's event costs some µs each (4 to 5 where writing the arrays costs
a third of one), so that is left to whoever reads a trace, which happens seldom.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from eyeclaw_trio.core.trace import Happening, Trace, TraceEvent, whole_length
from eyeclaw_trio.core.trace_analysis import list_events
from eyeclaw_trio.errors import StoreError

# Longest text that is kept of what a peer said in an event, in characters: a bot's error may be
# as long as a message.
LONGEST_WORDS: Final = 1_000
# The numbers compress to a third at any level; the fastest is enough.
_LEVEL: Final = 1


def encode_events(trace: Trace) -> bytes:
    """The events and chunks of this trace, for `decode_events`."""
    head = {
        "started_at": trace.started_at,
        "events": [[event.kind.value, event.at, shorten(event.data)] for event in trace.events],
        "chunks": len(trace.chunk_times),
        "writes": len(trace.writes) // 3,
    }
    # Replaced, so that a lone surrogate from a peer cannot make it impossible to store.
    text = json.dumps(head, ensure_ascii=False, default=str).encode("utf-8", "replace")
    numbers: tuple[array[Any], ...] = (
        trace.chunk_times,
        trace.chunk_sequences,
        trace.write_times,
        trace.write_sizes,
        trace.relay_delays,
    )
    data = b"".join(_little_endian(each).tobytes() for each in numbers)
    return zlib.compress(text + b"\n" + data, _LEVEL)  # JSON has no newline of its own


def decode_trace(blob: bytes) -> Trace:
    """What `encode_events` was given: events, times and sequences; all else of it is empty.

    Raises StoreError where it is damaged.
    """
    try:
        text, _, data = zlib.decompress(blob).partition(b"\n")
        head = json.loads(text)
        chunks, writes = int(head["chunks"]), int(head["writes"])
        trace = Trace("", "", None, head["started_at"])
        trace.events = [TraceEvent(Happening(kind), at, it) for kind, at, it in head["events"]]
        reader = _Reader(data)
        trace.chunk_times, trace.chunk_sequences = (
            reader.take("d", chunks),
            reader.take("q", chunks),
        )
        times, sizes = reader.take("d", writes), reader.take("q", writes)
        for write in zip(times, sizes, reader.take("d", writes), strict=True):
            trace.writes.extend(write)
        if chunks:
            trace.first_chunk_at = trace.chunk_times[0]
        return trace
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise StoreError("the events of this trace are damaged") from error


def decode_events(
    blob: bytes, created_at: str, first: int = 0, count: int | None = None
) -> tuple[dict[str, Any], ...]:
    """The events as `TraceRecord` has them: `count` of them from number `first` on, or all.

    Raises StoreError where they are damaged.
    """
    trace = decode_trace(blob)
    try:
        events = list_events(trace, datetime.fromisoformat(created_at))
        return tuple(islice(events, first, None if count is None else first + count))
    except (ValueError, TypeError) as error:
        raise StoreError("the events of this trace are damaged") from error


class _Reader:
    """Takes arrays of known length from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, kind: str, count: int) -> array[Any]:
        taken = array(kind)
        end = self._at + count * taken.itemsize
        taken.frombytes(self._data[self._at : end])
        self._at = end
        return _little_endian(taken)


def _little_endian(numbers: array[Any]) -> array[Any]:
    """The same where the file was written, so that a backup can move to another machine."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers


def shorten(data: Mapping[str, object]) -> dict[str, object]:
    """These details as they are kept: beside a text that is cut stands how long it was, as
    `core.trace.whole_length` names it."""
    kept = dict(data)
    for name, value in data.items():
        if isinstance(value, str) and len(value) > LONGEST_WORDS:
            kept |= {name: value[:LONGEST_WORDS], whole_length(name): len(value)}
    return kept
