"""What is measured: each scenario starts a server, loads it, and names the figures that count."""

from __future__ import annotations

import statistics
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from attrs import evolve, field, frozen

from bench import trace_cost
from bench.errors import BenchError
from bench.generator import Load, Progress, faults_of, run_generator
from bench.processes import Cores, free_port
from bench.replay import REPLAYED_TURN, write_script
from bench.servers import House, Server
from bench.start_up import measure_start_up

Size = Literal["full", "quick", "smoke"]
Report = dict[str, Any]

# Of every scenario in a smoke run, so that one gateway can serve most of them.
SMOKE_BOTS: Final = 30
# Files that a server needs beside those of its connections.
SPARE_FILES: Final = 200
# Up to here the gateway's own limit of connections is enough.
FEW_BOTS: Final = 5_000
# Everywhere enough, also for a bench of ten thousand idle bots.
MANY_CONNECTIONS: Final = "[limits]\nconnections = 20000\n"


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


def _times(name: str, title: str, *points: str) -> list[Figure]:
    words = {"p50": "p50", "p99": "p99", "p99_9": "p99.9", "max": "max"}
    return [
        Figure(f"{name}_{point}", f"{title} {words[point]} ms", (f"{name}_ms", point), 3)
        for point in points
    ]


CPU: Final = Figure("cpu_us_per_chunk", "µs CPU per chunk", ("cpu_us_per_chunk",))
RATE: Final = Figure("chunks_per_s", "chunks/s", ("chunks_per_s",), 0)
BUSY: Final = Figure("load_busy", "generator's core", ("load_busy",))
DELAY: Final = _times("delay", "delay", "p50", "p99", "p99_9")
FIRST_BYTE: Final = _times("first_byte", "first byte", "p50", "p99")
FIRST_CHUNK: Final = _times("first_chunk", "first chunk", "p50", "p99")
PROBE: Final = _times("probe", "event loop", "p50", "p99", "max")
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
        if self.gateway_only:
            return server.name == "gateway"
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


class StartUp(Scenario):
    """How long the gateway takes until it serves."""

    name = "start-up"
    title = "Start-up"
    about = "from the start of the process to its ready line, and to the first 200 of /health"
    figures = (
        Figure("ready_ms", "ready line ms", ("ready_ms",), 0),
        Figure("healthy_ms", "first 200 ms", ("healthy_ms",), 0),
    )
    repeats = 5

    def can(self, server: Server) -> bool:
        return server.name == "gateway"

    def measure(self, bench: Bench, server: Server) -> Report:  # noqa: ARG002 (there is one only)
        return {**measure_start_up(bench.cores.server), "faults": {}}


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
        return server.name == "gateway"

    def measure(self, bench: Bench, server: Server) -> Report:  # noqa: ARG002
        chunks, rounds = {"full": (5_000, 41), "quick": (3_000, 11), "smoke": (200, 1)}[bench.size]
        return {**trace_cost.measure(chunks, rounds), "faults": {}}


class Replay(LoadScenario):
    """A turn as it was in production: its times, its order, its lengths."""

    def measure(self, bench: Bench, server: Server) -> Report:
        path = bench.folder / "turn.script"
        write_script(REPLAYED_TURN, path)
        scripted = evolve(self, load=evolve(self.load, script=str(path)))
        return LoadScenario.measure(scripted, bench, server)


_MODEL_SETTINGS: Final = """
[providers.bench]
base_url = "http://127.0.0.1:{port}/v1"
api_key = "none"
model = "bench"
"""
# Answers at once, for the curve of their cost.
STREAMS: Final[Mapping[Size, Sequence[int]]] = {
    "full": (10, 50, 100, 1_000, 5_000),
    "quick": (10, 100, 1_000),
    "smoke": (10,),
}


def all_scenarios(size: Size) -> list[Scenario]:
    """All of them, in the order in which they are measured."""
    streams = _streams(STREAMS[size])
    return [*_relays(), *_paced(), *_idle(), *streams, *_turns(), StartUp(), TraceCost()]


class Soak(LoadScenario):
    """The gateway for a long time. Flat is a memory that ends where it was after a tenth of it."""

    def measure(self, bench: Bench, server: Server) -> Report:
        report = super().measure(bench, server)
        sizes = [each["rss_kb"] / 1024 for each in report["over_time"] if each["rss_kb"]]
        early, late = sizes[len(sizes) // 10 :][:5], sizes[-5:]
        if early and late:
            report["grown_mb"] = statistics.median(late) - statistics.median(early)
        return report


def soak(minutes: float) -> Scenario:
    """The gateway for so long: its memory, and every number."""
    return Soak(
        "soak",
        f"Soak of {minutes:g} minutes",
        "50 answers at 20 chunks a second beside 200 idle bots",
        Load(bots=210, answer_bots=10, rate=20, chunks=60, seconds=minutes * 60, probe="/nope"),
        [CPU, *DELAY, *PROBE, *MEMORY[:2], Figure("grown_mb", "grown MB", ("grown_mb",), 1)],
        repeats=1,
        gateway_only=True,
    )


def _relays() -> list[Scenario]:
    figures = [CPU, RATE, *DELAY[:2], BUSY]
    return [
        LoadScenario(
            "relay",
            "Relay at saturation, big batches",
            "10 bots, 50 answers at once, 16 chunks of each unacknowledged",
            Load(),
            figures,
        ),
        LoadScenario(
            "relay-small",
            "Relay at saturation, small batches",
            "50 bots, 50 answers at once, 2 chunks of each unacknowledged",
            Load(bots=50, window=2),
            figures,
        ),
    ]


def _paced() -> list[Scenario]:
    figures = [*DELAY, *FIRST_BYTE, *FIRST_CHUNK, CPU]
    return [
        LoadScenario(
            "light",
            "Light load",
            "50 answers at once, 20 chunks a second each",
            Load(rate=20, chunks=40, seconds=8, warm_up=2),
            figures,
        ),
        LoadScenario(
            "middle",
            "Middle load",
            "50 answers at once, 100 chunks a second each",
            Load(rate=100, chunks=200, seconds=6, warm_up=2),
            figures,
        ),
    ]


def _idle() -> list[Scenario]:
    return [
        LoadScenario(
            "idle-answers",
            "1,000 idle answers",
            "open for some seconds after their first chunk, on 10 bots; a request every 20 ms",
            Load(answers=1_000, rate=0.02, probe="/nope", seconds=6),
            [*MEMORY, *PROBE],
            repeats=2,
        ),
        LoadScenario(
            "idle-bots",
            "10,000 idle bots",
            "linked and silent; a request every 20 ms",
            Load(
                bots=10_000, answers=0, probe="/nope", seconds=10, connecting=128, link_within=240
            ),
            [*MEMORY, *PROBE, Figure("linked_s", "all linked s", ("linked_s",))],
            repeats=1,
            dialects=frozenset({"cable"}),
            settings=MANY_CONNECTIONS,
            counted=lambda load: load.bots,
        ),
        LoadScenario(
            "reconnect",
            "2,000 bots come back at once",
            "all killed in one instant while one answer runs at 20 chunks a second",
            Load(
                bots=2_001, answer_bots=1, answers=1, rate=20, chunks=100, kill_at=1, seconds=12,
                connecting=128,
            ),
            [
                Figure("back_p50_s", "back p50 ms", ("relink_ms", "p50"), 0),
                Figure("back_s", "all back ms", ("relink_ms", "max"), 0),
                *_times("delay", "the answer's delay", "p50", "p99", "max"),
            ],
            repeats=2,
            gateway_only=True,
        ),
    ]  # fmt: skip


def _streams(counts: Sequence[int]) -> list[Scenario]:
    return [
        LoadScenario(
            f"streams-{count}",
            f"{count:,} answers at once",
            "at saturation, 16 chunks of each unacknowledged",
            Load(bots=min(50, max(10, count // 50)), answers=count, seconds=3, chunks=300),
            [CPU, RATE, *DELAY[:2], BUSY],
            repeats=2,
            # nginx as the peers configure it has 8,192 connections, and nchan needs two of each.
            dialects=frozenset({"cable", "nchan"} if count < 4_000 else {"cable"}),
        )
        for count in counts
    ]


def _turns() -> list[Scenario]:
    answered = _times("answer", "whole answer", "p50", "p99", "max")
    return [
        LoadScenario(
            "offline",
            "The offline answer",
            "for a bot that is not connected, asked for every 5 ms",
            Load(bots=1, answers=100, offline=True, pace=0.005, seconds=5),
            answered,
            gateway_only=True,
        ),
        LoadScenario(
            "offline-burst",
            "The offline answer, 100 in one instant",
            "for a bot that is not connected",
            Load(bots=1, answers=100, offline=True, together=True, seconds=3),
            answered,
            gateway_only=True,
        ),
        Replay(
            "replay",
            "A turn of production, replayed",
            "60 chunks in 1.8 s, out of order and in bursts; 50 at once",
            Load(seconds=8, warm_up=2),
            [*DELAY, *FIRST_CHUNK, CPU],
            gateway_only=True,
        ),
        LoadScenario(
            "model",
            "Embedded bots with a model",
            "50 answers at once, 20 tokens a second each, by an OpenAI-compatible model",
            Load(rate=20, chunks=40, seconds=8, warm_up=2),
            [*DELAY, *FIRST_CHUNK, CPU, *MODEL],
            settings=_MODEL_SETTINGS,
            provider="bench",
            gateway_only=True,
        ),
    ]
