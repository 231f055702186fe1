"""A trace as it is downloaded: as lines for people or JSON for programs, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final
from unicodedata import east_asian_width
from urllib.parse import quote

import attrs

from eyeclaw_trio.core.texts import Language
from eyeclaw_trio.core.time_line import describe_turn, draw_events
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.trace_analysis import TraceRecord, list_events
from eyeclaw_trio.protocol.harmless import harmless_json, visible

# Columns for the names of the head.
_HEAD: Final = 10


def tell_turn(
    record: TraceRecord, trace: Trace, language: Language, zone: tzinfo | None
) -> Iterator[str]:
    """The turn as `eyeclaw trace show` tells it, line by line as they are taken; by the clock of
    this zone, None: this machine's."""
    for name, value in describe_turn(record, lambda at: at.astimezone(zone), language):
        yield f"{name}{' ' * (_HEAD - _columns(name))} {visible(value)}"
    yield ""
    events = list_events(trace, datetime.fromisoformat(record.created_at))
    for line in draw_events(events, record.created_at, language):
        yield f"{_span(line.at_ms, line.until_ms):>16}  {visible(line.words)}"


def _columns(text: str) -> int:
    """Columns in a typewriter's font: a Chinese character takes two."""
    return sum(1 + (east_asian_width(each) in "WF") for each in text)


def _span(at_ms: float | None, until_ms: float | None) -> str:
    if at_ms is None or until_ms is None:
        return ""
    first, last = f"{at_ms:.0f}", f"{until_ms:.0f}"
    return f"{first} ms" if first == last else f"{first}–{last} ms"


def tell_json(record: TraceRecord, trace: Trace) -> Iterator[str]:
    """The trace with all its events as one JSON document, piece by piece."""
    fields = attrs.asdict(record, recurse=False)
    del fields["events"]
    yield harmless_json(fields)[:-1] + ',"events":['
    events = list_events(trace, datetime.fromisoformat(record.created_at))
    for number, event in enumerate(events):
        yield ("," if number else "") + harmless_json(event)
    yield "]}"


def attachment(name: str) -> dict[str, str]:
    """The header with which a browser keeps an answer as a file (RFC 6266)."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name[:200], safe='')}"}
