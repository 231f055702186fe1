"""Whether pages that are open slow the answers down: the same load with them and without, in turns,
on one gateway."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Final

from bench.admin_pages import open_pages, sign_in
from bench.errors import BenchError
from bench.figures import Figure
from bench.generator import Load, Target, faults_of, run_generator
from bench.house import House
from bench.scenario import SMOKE_BOTS, Bench, Report, Scenario, Size
from bench.servers import GATEWAY, Server

# By how much the 99th percentile of a chunk's delay may grow.
TARGET: Final = 0.10
# Fifty readers who ask again at once, and are answered in half a second: a hundred turns a second.
LOAD: Final = Load(bots=10, answers=50, rate=20, chunks=10, seconds=8, warm_up=2)
_SMOKE: Final = Load(bots=SMOKE_BOTS, answers=8, rate=50, chunks=5, seconds=0.4, warm_up=0.1)
# Twenty pages as some owners would have them open.
PAGES: Final = (
    *("overview", "overview?span=hour", "overview?span=month") * 2,
    *("stream_traces", "stream_traces?loss=any", "stream_traces?since=1h") * 2,
    *("bots", "health", "log", "providers") * 2,
)
_PAIRS: Final[Mapping[Size, int]] = {"full": 5, "quick": 3, "smoke": 1}
_DELAYS: Final = ("p50", "p99")


class PagesBesideAnswers(Scenario):
    """Answers while pages are open."""

    name = "open-pages"
    title = "Answers beside 20 open pages"
    about = "100 turns a second with pages closed and open, in turns; target: p99 within 10 %"
    figures = (
        *(
            Figure(f"{state}_{point}", f"{state} {point} ms", (f"{state}_ms", point), 3)
            for point in _DELAYS
            for state in ("closed", "open")
        ),
        Figure("p99_change", "p99, open / closed", ("p99_change",), 3),
        Figure("closed_cpu", "closed, µs CPU per chunk", ("closed_cpu_us",), 0),
        Figure("open_cpu", "open, µs CPU per chunk", ("open_cpu_us",), 0),
    )
    repeats = 1

    def can(self, server: Server) -> bool:
        return server.name == GATEWAY and server.checkout is not None

    def measure(self, bench: Bench, server: Server) -> Report:
        load = _SMOKE if bench.size == "smoke" else LOAD
        with server.serve(House(load.bots), bench.cores.server) as target:
            if target.admin_port is None:
                raise BenchError("only a gateway has pages")
            cookie = sign_in(target.admin_port)
            runs = _measure_in_turns(bench, target, load, cookie)
        return _compare(runs)


def _measure_in_turns(
    bench: Bench, target: Target, load: Load, cookie: str
) -> dict[str, list[dict[str, Any]]]:
    """The generator's reports, of `closed` and `open`, pair by pair."""
    runs: dict[str, list[dict[str, Any]]] = {"closed": [], "open": []}
    for number in range(_PAIRS[bench.size]):
        order = ("closed", "open") if number % 2 == 0 else ("open", "closed")
        for state in order:
            pages = open_pages(target.admin_port or 0, cookie, PAGES)
            with pages if state == "open" else nullcontext() as opened:
                report = run_generator(
                    bench.program, target, load, core=bench.cores.load, progress=bench.progress
                )
            report["faults"] = faults_of(report)
            if opened is not None:
                report["page_bytes"] = opened.received
                if opened.ended or not opened.received:
                    report["faults"]["pages_not_live"] = opened.ended or len(PAGES)
            runs[state].append(report)
    return runs


def _compare(runs: Mapping[str, list[dict[str, Any]]]) -> Report:
    """The medians of both, and of the changes within each pair."""
    report: Report = {"faults": {}, "target_change": 1 + TARGET}
    for state, reports in runs.items():
        report[f"{state}_ms"] = {
            point: statistics.median(each["delay_ms"][point] for each in reports)
            for point in _DELAYS
        }
        report[f"{state}_cpu_us"] = statistics.median(each["cpu_us_per_chunk"] for each in reports)
        for each in reports:
            for fault, count in each["faults"].items():
                report["faults"][fault] = report["faults"].get(fault, 0) + count
    report["p99_change"] = statistics.median(
        after["delay_ms"]["p99"] / before["delay_ms"]["p99"]
        for before, after in zip(runs["closed"], runs["open"], strict=True)
    )
    report["page_bytes"] = statistics.median(each["page_bytes"] for each in runs["open"])
    return report
