"""A run: every scenario on every server, again and again, the servers taking turns.

Machines that are shared become faster and slower by the minute. What is compared is measured
within one minute, and the median of some rounds counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from bench.display import Display
from bench.errors import BenchError
from bench.figures import Figure
from bench.machine import describe_machine
from bench.scenario import Bench, Report, Scenario
from bench.servers import BASELINE, GATEWAY, Server


@frozen
class Sample:
    """One measurement."""

    scenario: str
    server: str
    number: int
    figures: dict[str, float | None]
    report: Report


@frozen
class Failure:
    """What could not be measured, or went wrong while it was."""

    scenario: str
    server: str
    words: str


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
    failures: list[Failure] = field(factory=list)
    gateways: set[str] = field(factory=set)
    """Those servers that have to do everything that they are asked to; peers need not."""

    def values(self, scenario: str, server: str, figure: Figure) -> list[float]:
        """All that was measured of this figure."""
        found = (
            sample.figures.get(figure.name)
            for sample in self.samples
            if sample.scenario == scenario and sample.server == server
        )
        return [value for value in found if value is not None]

    def failures_of(self, scenario: str) -> list[Failure]:
        """What went wrong there, each once."""
        return [each for each in dict.fromkeys(self.failures) if each.scenario == scenario]

    @property
    def own_failures(self) -> list[Failure]:
        """Those of gateways."""
        return [each for each in dict.fromkeys(self.failures) if each.server in self.gateways]

    def change(self, scenario: str, figure: Figure) -> float | None:
        """How much more the gateway has of it than the one it is compared with, as a share.

        The median of the rounds, each compared within itself. None where there is nothing to
        compare.
        """
        before, after = (
            {
                sample.number: value
                for sample in self.samples
                if (sample.scenario, sample.server) == (scenario, server)
                and (value := sample.figures.get(figure.name))
            }
            for server in (BASELINE, GATEWAY)
        )
        shares = [after[n] / before[n] - 1 for n in before.keys() & after.keys()]
        return statistics.median(shares) if shares else None

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
        for server in (ready if number % 2 == 0 else ready[::-1])
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
            _note(run, display, Failure(scenario.name, server.name, str(error)))
        else:
            figures = {each.name: each.of(report) for each in scenario.figures}
            run.samples.append(Sample(scenario.name, server.name, number, figures, report))
            display.measured(scenario, figures)
            if report["faults"]:
                _note(run, display, Failure(scenario.name, server.name, _say(report)))
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
            if server.checkout is not None:
                run.gateways.add(server.name)
        else:
            run.left_out[server.name] = reason
            display.say(f"{server.title} is left out: {reason}")
    return ready


def _say(report: Report) -> str:
    counts = ", ".join(f"{count} {what}" for what, count in report["faults"].items())
    surprise = report.get("surprise", "")
    return f"{counts} ({surprise})" if surprise else counts


def _note(run: Run, display: Display, failure: Failure) -> None:
    run.failures.append(failure)
    display.say(f"{failure.scenario} with {failure.server}: {failure.words}")
