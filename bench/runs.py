"""A run: every scenario on every server, again and again, the servers taking turns.

Machines that are shared become faster and slower by the minute. What is compared is measured
within one minute, and the median of some rounds counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from bench.display import Display
from bench.errors import BenchError
from bench.machine import describe_machine
from bench.scenarios import Bench, Figure, Report, Scenario
from bench.servers import Server


@frozen
class Sample:
    """One measurement."""

    scenario: str
    server: str
    number: int
    figures: dict[str, float | None]
    report: Report


@define
class Run:
    """All that was measured, and what could not be."""

    machine: dict[str, Any]
    date: str
    size: str
    scenarios: Sequence[Scenario]
    servers: dict[str, str]
    """Titles by name, in their order."""
    versions: dict[str, str]
    left_out: dict[str, str]
    """Servers that were not there, with the reason."""
    samples: list[Sample] = field(factory=list)
    failures: list[str] = field(factory=list)
    """What could not be measured, or went wrong, in words."""

    def values(self, scenario: str, server: str, figure: Figure) -> list[float]:
        """All that was measured of this figure."""
        found = (
            sample.figures.get(figure.name)
            for sample in self.samples
            if sample.scenario == scenario and sample.server == server
        )
        return [value for value in found if value is not None]

    def reports(self, scenario: str, server: str) -> list[Report]:
        """Everything about it, of all rounds."""
        return [
            sample.report
            for sample in self.samples
            if sample.scenario == scenario and sample.server == server
        ]


def measure_all(
    bench: Bench,
    scenarios: Sequence[Scenario],
    servers: Sequence[Server],
    *,
    repeats: int | None,
    display: Display,
) -> Run:
    """Measure; what goes wrong is kept in the run, and the rest goes on."""
    run = Run(
        machine=describe_machine(bench.cores),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        size=bench.size,
        scenarios=scenarios,
        servers={},
        versions={},
        left_out={},
    )
    ready = _prepare(run, servers, display)
    plan = [
        (scenario, server, number)
        for scenario in scenarios
        for number in range(_rounds(scenario, bench, repeats))
        for server in ready
        if scenario.can(server)
    ]
    display.begin(len(plan))
    broken: set[tuple[str, str]] = set()
    for scenario, server, number in plan:
        if (scenario.name, server.name) in broken:
            display.advance()
            continue
        display.measuring(scenario.title, server.title, number)
        try:
            report = scenario.measure(bench, server)
        except BenchError as error:
            broken.add((scenario.name, server.name))
            _note(run, display, f"{scenario.name} with {server.name}: {error}")
        else:
            figures = {each.name: each.of(report) for each in scenario.figures}
            run.samples.append(Sample(scenario.name, server.name, number, figures, report))
            display.measured(scenario, figures)
            if report["faults"]:
                surprise = report.get("surprise", "")
                _note(run, display, f"{scenario.name} with {server.name}: "
                      f"{report['faults']} {surprise}")  # fmt: skip
        display.advance()
    return run


def _rounds(scenario: Scenario, bench: Bench, repeats: int | None) -> int:
    if repeats is not None:
        return repeats
    return scenario.repeats if bench.size == "full" else 1


def _prepare(run: Run, servers: Sequence[Server], display: Display) -> list[Server]:
    ready = []
    for server in servers:
        display.say(f"{server.title}: preparing")
        if (reason := server.prepare()) is None:
            ready.append(server)
            run.servers[server.name] = server.title
            run.versions[server.name] = server.version()
        else:
            run.left_out[server.name] = reason
            display.say(f"{server.title} is left out: {reason}")
    return ready


def _note(run: Run, display: Display, words: str) -> None:
    run.failures.append(words)
    display.say(words)
