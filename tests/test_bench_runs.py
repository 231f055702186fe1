"""What a run makes of failures and of another checkout: scripted servers, no process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from attrs import frozen

from bench.checkout import Checkout
from bench.display import Display
from bench.errors import BenchError
from bench.figures import CPU
from bench.generator import Target
from bench.house import House
from bench.processes import Cores
from bench.results import save
from bench.runs import Run, measure_all
from bench.scenario import Bench, Report, Scenario
from bench.servers import BASELINE, GATEWAY, Server

HERE = Checkout(Path("/nowhere"), Path("/nowhere/python"))


@frozen
class ScriptedServer:
    """One that is never started."""

    name: str
    checkout: Checkout | None = None
    dialect: str = "cable"

    @property
    def title(self) -> str:
        return f"the {self.name}"

    def prepare(self) -> str | None:
        return None

    def version(self) -> str:
        return "1.0"

    def serve(self, house: House, core: int | None) -> AbstractContextManager[Target]:
        raise AssertionError("nobody starts it")


class ScriptedScenario(Scenario):
    """Says what each server's rounds cost, and which ones fail."""

    name = "relay"
    title = "Relay"
    about = "as it is written"
    figures = (CPU,)
    repeats = 2

    def __init__(self, costs: dict[str, Sequence[float | str]]) -> None:
        self._costs = {name: iter(costs[name]) for name in costs}
        self.asked: list[str] = []

    def can(self, server: Server) -> bool:
        return True

    def measure(self, bench: Bench, server: Server) -> Report:
        self.asked.append(server.name)
        cost = next(self._costs[server.name])
        if isinstance(cost, str):
            raise BenchError(cost)
        return {"cpu_us_per_chunk": cost, "faults": {"unfinished": 3} if cost > 90 else {}}


def run_of(scenario: ScriptedScenario, *servers: ScriptedServer) -> Run:
    bench = Bench(Path(), Cores(None, None), Path(), "full", 0, lambda _: None)
    with Display() as display:
        return measure_all(bench, [scenario], servers, repeats=None, display=display)


def test_a_peer_that_fails_is_a_line_in_the_results_and_no_failure_of_the_bench(
    tmp_path: Path,
) -> None:
    scenario = ScriptedScenario({GATEWAY: [10, 10], "node": ["nobody links"], "nchan": [99, 99]})
    run = run_of(
        scenario, ScriptedServer(GATEWAY, HERE), ScriptedServer("node"), ScriptedServer("nchan")
    )

    assert run.own_failures == []
    save(run, tmp_path)
    table = (tmp_path / "README.md").read_text("utf-8")
    assert "- the node: nobody links\n- the nchan: 3 unfinished\n" in table
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert [each["server"] for each in summary["failures"]] == ["node", "nchan"]


def test_a_gateway_that_fails_is_a_failure_of_the_bench() -> None:
    scenario = ScriptedScenario({GATEWAY: [10, 99], "node": [20, 20]})
    run = run_of(scenario, ScriptedServer(GATEWAY, HERE), ScriptedServer("node"))

    assert [(each.server, each.words) for each in run.own_failures] == [(GATEWAY, "3 unfinished")]


def test_two_checkouts_take_turns_in_every_round_and_change_places() -> None:
    scenario = ScriptedScenario({BASELINE: [10, 10], GATEWAY: [9, 9]})
    run_of(scenario, ScriptedServer(BASELINE, HERE), ScriptedServer(GATEWAY, HERE))

    assert scenario.asked == [BASELINE, GATEWAY, GATEWAY, BASELINE]


def test_the_change_is_compared_within_each_round_so_that_a_slow_minute_does_not_count(
    tmp_path: Path,
) -> None:
    scenario = ScriptedScenario({BASELINE: [10, 40], GATEWAY: [9, 36]})
    run = run_of(scenario, ScriptedServer(BASELINE, HERE), ScriptedServer(GATEWAY, HERE))

    assert run.change("relay", CPU) == pytest.approx(-0.1)
    save(run, tmp_path)
    assert "| change | -10.0% |" in (tmp_path / "README.md").read_text("utf-8")


def test_a_folder_that_is_no_installed_checkout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no checkout of eyeclaw-trio"):
        Checkout.at(tmp_path)
    (tmp_path / "eyeclaw_trio").mkdir()
    with pytest.raises(BenchError, match=r"make \.venv/\.installed"):
        Checkout.at(tmp_path)
