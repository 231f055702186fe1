"""Results: tables in Markdown and on the terminal, the same as JSON, and every sample beside it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Figure
from bench.plots import draw_all
from bench.runs import Run
from bench.scenario import Scenario


def save(run: Run, folder: Path) -> list[Path]:
    """Write what is to be kept, and `samples.json` with every report, which git does not see."""
    folder.mkdir(parents=True, exist_ok=True)
    samples, summary, table = (
        folder / name for name in ("samples.json", "summary.json", "README.md")
    )
    samples.write_text(json.dumps(_samples(run), ensure_ascii=False) + "\n", "utf-8")
    summary.write_text(_in_lines(_summary(run)) + "\n", "utf-8")
    plots = draw_all(run, folder)
    table.write_text(_markdown(run, plots), "utf-8")
    return [samples, summary, table, *plots]


def show(run: Run) -> None:
    """The tables on stdout."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    for scenario in run.scenarios:
        rows = list(_rows(run, scenario))
        if not rows:
            continue
        figures = _measured(run, scenario)
        table = Table(title=scenario.title, title_justify="left", box=None, pad_edge=False)
        table.add_column("")
        for figure in figures:
            table.add_column(figure.title, justify="right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        for each in run.failures_of(scenario.name):
            console.print(f"{run.servers[each.server]}: {each.words}", markup=False)


def _summary(run: Run) -> dict[str, Any]:
    return {
        "date": run.date,
        "size": run.size,
        "machine": run.machine,
        "versions": run.versions,
        "left_out": run.left_out,
        "failures": [
            {"scenario": each.scenario, "server": each.server, "words": each.words}
            for each in dict.fromkeys(run.failures)
        ],
        "scenarios": {
            each.name: {
                "title": each.title,
                "about": each.about,
                "servers": {
                    server: {
                        figure.name: _spread(values)
                        for figure in each.figures
                        if (values := run.values(each.name, server, figure))
                    }
                    for server in run.servers
                    if run.reports(each.name, server)
                },
            }
            for each in run.scenarios
        },
    }


def _in_lines(document: Any, depth: int = 0) -> str:
    """JSON to be read and compared: what holds no object of objects is one line."""
    if not isinstance(document, dict) or depth > 3 or not document:
        return json.dumps(document, ensure_ascii=False)
    if depth and not any(isinstance(each, dict) for each in document.values()):
        return json.dumps(document, ensure_ascii=False)
    space = " " * (depth + 1)
    lines = (
        f"{space}{json.dumps(key)}: {_in_lines(each, depth + 1)}" for key, each in document.items()
    )
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"


def _samples(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "scenario": each.scenario,
            "server": each.server,
            "number": each.number,
            "figures": each.figures,
            "report": each.report,
        }
        for each in run.samples
    ]


def _spread(values: Sequence[float]) -> list[float]:
    """Median, lowest, highest; five digits of each are more than any run gives again."""
    return [float(f"{each:.5g}") for each in (statistics.median(values), min(values), max(values))]


def _measured(run: Run, scenario: Scenario) -> list[Figure]:
    """The figures that anybody has."""
    return [
        figure
        for figure in scenario.figures
        if any(run.values(scenario.name, server, figure) for server in run.servers)
    ]


def _rows(run: Run, scenario: Scenario) -> Iterator[list[str]]:
    for server, title in run.servers.items():
        if run.reports(scenario.name, server):
            figures = _measured(run, scenario)
            yield [
                title,
                *(_cell(run.values(scenario.name, server, each), each) for each in figures),
            ]
    changes = [run.change(scenario.name, each) for each in _measured(run, scenario)]
    if any(each is not None for each in changes):
        yield ["change", *("–" if each is None else f"{each:+.1%}" for each in changes)]


def _cell(values: Sequence[float], figure: Figure) -> str:
    if not values:
        return "–"
    middle = f"{statistics.median(values):,.{figure.digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{figure.digits}f}–{max(values):,.{figure.digits}f})"


def _markdown(run: Run, plots: Sequence[Path]) -> str:
    machine = run.machine
    lines = [
        "# What was measured",
        "",
        f"{run.date[:10]}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_mb']:,} MB, Linux {machine['kernel']}, Python {machine['python']}. "
        + (
            f"A {run.size} run: loads are smaller than their names say. "
            if run.size != "full"
            else ""
        )
        + "Server alone on one core, load generator on another. Medians, in brackets the lowest "
        "and the highest of the rounds; servers took turns. `python -m bench` does it again, and "
        "leaves every sample in `samples.json`; `summary.json` has these figures.",
        "",
    ]
    lines += [f"- {run.servers[name]}: {words}" for name, words in run.versions.items()]
    lines += [f"- {name} was left out: {reason}" for name, reason in run.left_out.items()]
    for scenario in run.scenarios:
        rows = list(_rows(run, scenario))
        if not rows:
            continue
        figures = _measured(run, scenario)
        about = f"{scenario.about[0].upper()}{scenario.about[1:]}."
        lines += ["", f"## {scenario.title}", "", about, ""]
        lines.append("| | " + " | ".join(figure.title for figure in figures) + " |")
        lines.append("|---|" + "---:|" * len(figures))
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        if failures := run.failures_of(scenario.name):
            lines += ["", *(f"- {run.servers[each.server]}: {each.words}" for each in failures)]
    if plots:
        lines += ["", "## Plots", "", *(f"![{plot.stem}]({plot.name})" for plot in plots)]
    return "\n".join(lines) + "\n"
