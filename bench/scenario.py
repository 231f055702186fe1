"""One scenario: starts a server, loads it, and names the figures that count."""

from __future__ import annotations

import statistics
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from attrs import evolve, field, frozen

from bench.errors import BenchError
from bench.figures import Figure
from bench.generator import Load, Progress, faults_of, run_generator
from bench.house import House
from bench.processes import Cores, free_port
from bench.replay import REPLAYED_TURN, write_script
from bench.servers import Server

Size = Literal["full", "quick", "smoke"]
Report = dict[str, Any]

# Of every scenario in a smoke run, so that one gateway can serve most of them.
SMOKE_BOTS: Final = 30
# Files that a server needs beside those of its connections.
SPARE_FILES: Final = 200
# Up to here the gateway's own limit of connections is enough.
FEW_BOTS: Final = 5_000


@frozen
class Bench:
    """What every measurement needs."""

    program: Path
    """The load generator."""
    cores: Cores
    folder: Path
    """For what is written in between."""
    size: Size
    files: int
    """How many a process may open."""
    progress: Progress


class Scenario(ABC):
    """One thing that is measured, of one server at a time."""

    name: str
    title: str
    about: str
    figures: Sequence[Figure]
    repeats: int

    @abstractmethod
    def can(self, server: Server) -> bool:
        """Whether this server can do it at all."""

    @abstractmethod
    def measure(self, bench: Bench, server: Server) -> Report:
        """Measure once. Raises BenchError. `faults` in the report is empty when all is well."""

    def adapted(self, change: Callable[[Load], Load]) -> Scenario:  # noqa: ARG002
        """The same under another load, where there is one."""
        return self


@frozen
class LoadScenario(Scenario):
    """A server under the load generator."""

    name: str
    title: str
    about: str
    load: Load
    figures: Sequence[Figure]
    repeats: int = 3
    dialects: frozenset[str] = frozenset({"cable", "nchan"})
    gateway_only: bool = False
    settings: str = ""
    provider: str | None = None
    counted: Callable[[Load], int] = field(default=lambda load: load.answers)
    """How many connections the memory is divided by."""

    def can(self, server: Server) -> bool:
        if self.gateway_only and server.checkout is None:
            return False
        return server.dialect in self.dialects

    def adapted(self, change: Callable[[Load], Load]) -> LoadScenario:
        return evolve(self, load=change(self.load))

    def measure(self, bench: Bench, server: Server) -> Report:
        load = _sized(self.load, bench.size)
        needed = max(load.bots, 0) + load.answers + SPARE_FILES
        if needed > bench.files:
            raise BenchError(
                f"it needs {needed} open files and {bench.files} are allowed: raise `ulimit -n`"
            )
        with server.serve(self._house(load), bench.cores.server) as target:
            if self.provider is not None:
                target = evolve(target, dialect="model")
            report = run_generator(
                bench.program, target, load, core=bench.cores.load, progress=bench.progress
            )
        report["memory_mb"] = _memory(report["memory"], self.counted(load))
        report["faults"] = faults_of(report)
        if not any(figure.of(report) for figure in self.figures):
            report["faults"]["nothing_measured"] = 1
        if load.kill_at is not None:
            back = (report["relink_ms"] or {}).get("count", 0)
            missing = load.bots - (load.answer_bots or 0) - back
            if missing:
                report["faults"]["not_back"] = missing
        return report

    def _house(self, load: Load) -> House:
        if self.provider is None:
            settings = self.settings if load.bots > FEW_BOTS else ""
            return House(load.bots, settings, has_links=not load.offline)
        port = free_port()
        return House(load.bots, self.settings.format(port=port), self.provider, port)


def _memory(memory: Mapping[str, Mapping[str, int]], count: int) -> dict[str, float]:
    first, last = memory["first"], memory["last"]
    count = max(count, 1)
    return {
        "before": first["rss_kb"] / 1024,
        "after": last["rss_kb"] / 1024,
        "kb_each": (last["rss_kb"] - first["rss_kb"]) / count,
        "pss_kb_each": (last["pss_kb"] - first["pss_kb"]) / count,
    }


def _sized(load: Load, size: Size) -> Load:
    if size == "full":
        return load
    if size == "quick" and load.kill_at is not None:
        return load  # it is not over before all are back
    if size == "quick":
        return evolve(load, seconds=max(1.5, load.seconds * 0.4), warm_up=load.warm_up * 0.7)
    return evolve(
        load,
        bots=min(load.bots, SMOKE_BOTS),
        answers=min(load.answers, 8),
        chunks=min(load.chunks, 20),
        rate=load.rate and max(load.rate, 50.0),
        seconds=0.4,
        warm_up=0.1,
        kill_at=None if load.kill_at is None else 0.1,
    )


class Replay(LoadScenario):
    """A turn as it was in production: its times, its order, its lengths."""

    def measure(self, bench: Bench, server: Server) -> Report:
        path = bench.folder / "turn.script"
        write_script(REPLAYED_TURN, path)
        scripted = evolve(self, load=evolve(self.load, script=str(path)))
        return LoadScenario.measure(scripted, bench, server)


class Soak(LoadScenario):
    """The gateway for a long time. Flat is a memory that ends where it was after a tenth of it."""

    def measure(self, bench: Bench, server: Server) -> Report:
        report = super().measure(bench, server)
        sizes = [each["rss_kb"] / 1024 for each in report["over_time"] if each["rss_kb"]]
        early, late = sizes[len(sizes) // 10 :][:5], sizes[-5:]
        if early and late:
            report["grown_mb"] = statistics.median(late) - statistics.median(early)
        return report
