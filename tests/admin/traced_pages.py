"""What the tests of traces in pages share: pages that have had turns, and what is read of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, Final

from pages_client import Browser, Pages, open_pages

from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.store.database import Database, transaction
from eyeclaw_trio.store.traces import as_begun, write_trace

LIST: Final = "/admin/stream_traces"
API: Final = "/admin/api/stream_traces"
MORNING: Final = datetime(2026, 1, 31, 8, tzinfo=UTC)


@asynccontextmanager
async def signed_in(folder: Path) -> AsyncIterator[tuple[Pages, Browser]]:
    async with open_pages(folder) as pages:
        yield pages, await pages.signed_in()


async def keep(pages: Pages, *traces: Trace, at: datetime = MORNING) -> None:
    """Write these turns, a minute apart."""

    def write(db: Database) -> None:
        with transaction(db):
            for number, trace in enumerate(traces):
                write_trace(db, trace, at + timedelta(minutes=number), 0.0)

    await pages.store.run(write)


def make_turn(name: str, outcome: Outcome | None = Outcome.ANSWERED, **fields: Any) -> Trace:
    """A short turn; without an outcome it runs."""
    trace = Trace(name, f"session_of_{name}", 1, 100.0, **fields)
    trace.note(Happening.REQUEST_RECEIVED, 100.0)
    trace.note(Happening.COMMAND_BROADCAST, 100.1)
    if outcome is None:
        return as_begun(trace)
    trace.note_chunk(100.5, 0, "你好")
    trace.note_written(100.502, 100.5, ["你好"])
    trace.end(outcome)
    trace.note(Happening.FINISHED, 101.0)
    return trace


def rows_of(html: str) -> list[dict[str, str]]:
    """The rows of the list, by their hooks."""
    return [
        {name: unescape(value) for name, value in re.findall(r'data-([\w-]+)="([^"]*)"', row)}
        for row in re.findall(r"<tr (data-trace-id[^>]*)>", html)
    ]


def ids(html: str) -> list[str]:
    return [row["trace-id"] for row in rows_of(html)]


def counts_of(html: str, name: str) -> dict[str, int]:
    """What stands beside the values of a filter."""
    found = re.findall(r'data-filter="(\w+)" data-value="([^"]*)" data-count="(\d+)"', html)
    return {unescape(value): int(count) for each, value, count in found if each == name}
