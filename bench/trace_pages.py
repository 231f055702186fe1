"""How long the pages of a full list of traces take, from a gateway that has nothing else to do.

A hundred thousand turns, as many as are kept, are written into its folder before it starts: one in
ten with losses, from five bots and thirty wearers, half a minute apart. Asked for are the list,
the counts beside the filters, the dots and a moment a week ago, each without a filter, with one
that finds few, and with a text that finds none, for which all of the list is looked through.
"""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from bench.admin_pages import sign_in
from bench.checkout import Checkout
from bench.errors import BenchError
from bench.figures import Figure
from bench.house import House, furnish, quiet, serve_arguments
from bench.processes import running
from bench.scenario import Bench, Report, Scenario
from bench.servers import GATEWAY, Server
from bench.trace_cost import USUAL_TURN, play
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.protocol.bot import StreamChunk
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.traces import write_trace

TARGET_MS: Final = 100.0
# Turns that are made one by one; the others are copies of them at other times.
_PATTERNS: Final = 1_000
_APART: Final = timedelta(seconds=26)

_FILTERS: Final = {
    "all": {},
    "few": {"wearer": "wearer-3", "loss": "any"},
    "text": {"q": "nothing has this"},
}
_VIEWS: Final = {
    "list": ("/admin/api/stream_traces", {}),
    "counts": ("/admin/api/stream_traces/counts", {}),
    "dots": ("/admin/api/stream_traces/dots", {}),
    "at": ("/admin/api/stream_traces", {"at": "WEEK"}),
    "page": ("/admin/stream_traces", {}),
}


def fill(folder: Path, count: int) -> None:
    """Write so many turns, the newest of them now."""
    chance = random.Random(14)  # noqa: S311  (the same turns each time)
    begun = datetime.now(UTC) - _APART * count
    patterns = min(count, _PATTERNS)
    with closing(open_database(folder)) as db:
        with transaction(db):
            for number in range(patterns):
                trace = _make_turn(chance)
                write_trace(db, trace, begun + _APART * number, 0.0)
        _multiply(db, patterns, -(-count // patterns))


def _make_turn(chance: random.Random) -> Trace:
    chunks = [StreamChunk("turn", "湖边", sequence) for sequence in range(USUAL_TURN)]
    trace = play(Trace, chunks, f"trace_{chance.getrandbits(96):024x}")
    trace.message_id, trace.agent_id = f"{chance.getrandbits(60)}", "rokid-agent-7f3a"
    trace.session_id = f"session_{chance.getrandbits(64):016x}"
    trace.bot_id, trace.user_id = chance.randint(1, 5), f"wearer-{chance.randint(1, 30)}"
    trace.source = chance.choice(["rokid", "chat", "openai"])
    if chance.random() < 0.1:
        trace.missing = tuple((at, at) for at in sorted(chance.sample(range(USUAL_TURN), 3)))
    if chance.random() < 0.1:
        trace.outcome = chance.choice(list(Outcome))
    return trace


def _multiply(db: sqlite3.Connection, patterns: int, times: int) -> None:
    """Copy the turns that are there, each set behind the one before it."""
    columns = [row[1] for row in db.execute("PRAGMA table_info(stream_traces)")]
    columns.remove("number")
    seconds = int(_APART.total_seconds()) * patterns
    changed = {
        "trace_id": "trace_id || '_' || n",
        "created_at": f"strftime('%Y-%m-%dT%H:%M:%fZ', created_at, (n * {seconds}) || ' seconds')",
    }
    selected = ", ".join(changed.get(name, name) for name in columns)
    with transaction(db):
        db.execute(
            "WITH RECURSIVE numbers (n) AS"  # noqa: S608  (names of columns)
            f" (SELECT 1 WHERE {times} > 1"
            f" UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {times})"
            f" INSERT INTO stream_traces ({', '.join(columns)})"
            f" SELECT {selected} FROM numbers CROSS JOIN stream_traces ORDER BY n, number"
        )


def measure(checkout: Checkout, core: int | None, count: int, rounds: int) -> dict[str, float]:
    """Medians of so many rounds, in milliseconds, by view and filter. Raises BenchError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        furnish(folder, House(bots=5), checkout)
        fill(folder / "data", count)
        with running(
            checkout.command(*serve_arguments(folder)),
            core=core,
            log=folder / "gateway.log",
            environment=quiet(folder),
            folder=checkout.folder,
        ) as process:
            line = process.stdout.readline() if process.stdout is not None else b""
            if not line:
                raise BenchError((folder / "gateway.log").read_text("utf-8")[-400:])
            port = int(json.loads(line)["admin_listen"].rpartition(":")[2])
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                return _ask_all(connection, sign_in(port), rounds)


def _ask_all(connection: http.client.HTTPConnection, cookie: str, rounds: int) -> dict[str, float]:
    week_ago = (datetime.now(UTC) - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    spent: dict[str, list[float]] = {}
    for _ in range(rounds):
        for view, (path, fields) in _VIEWS.items():
            for name, wanted in _FILTERS.items():
                query = {**wanted, **fields}
                if "at" in query:
                    query["at"] = week_ago
                began = time.perf_counter()
                connection.request("GET", f"{path}?{urlencode(query)}", headers={"Cookie": cookie})
                answer = connection.getresponse()
                answer.read()
                taken = (time.perf_counter() - began) * 1_000
                if answer.status != 200:
                    raise BenchError(f"{path}: {answer.status}")
                spent.setdefault(f"{view}_{name}_ms", []).append(taken)
    return {name: statistics.median(each) for name, each in spent.items()}


class TracePages(Scenario):
    """The pages of a full list of traces."""

    name = "trace-pages"
    title = "Pages of traces"
    about = "list, counts, dots and a moment of 100,000 traces; targets: 100 ms each at the median"
    figures = tuple(
        Figure(f"{view}_{name}_ms", f"{view}, {name} ms", (f"{view}_{name}_ms",), 1)
        for view in _VIEWS
        for name in _FILTERS
    )
    repeats = 1

    def can(self, server: Server) -> bool:
        return server.name == GATEWAY and server.checkout is not None

    def measure(self, bench: Bench, server: Server) -> Report:
        if server.checkout is None:
            raise BenchError("only a gateway has pages")
        count, rounds = {"full": (100_000, 31), "quick": (100_000, 11), "smoke": (2_000, 1)}[
            bench.size
        ]
        medians = measure(server.checkout, bench.cores.server, count, rounds)
        return {**medians, "target_ms": TARGET_MS, "faults": {}}
