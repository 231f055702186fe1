"""Results: JSON with all samples, tables in Markdown, and both on the terminal."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.plots import draw_all
from bench.runs import Run
from bench.scenarios import Figure, Scenario


def save(run: Run, folder: Path) -> list[Path]:
    """Write `results.json`, `README.md` and the plots; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    document, table = folder / "results.json", folder / "README.md"
    document.write_text(json.dumps(_document(run), ensure_ascii=False, indent=1) + "\n", "utf-8")
    plots = draw_all(run, folder)
    table.write_text(_markdown(run, plots), "utf-8")
    return [document, table, *plots]


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


def _document(run: Run) -> dict[str, Any]:
    return {
        "date": run.date,
        "size": run.size,
        "machine": run.machine,
        "versions": run.versions,
        "left_out": run.left_out,
        "failures": run.failures,
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
        "samples": [
            {
                "scenario": each.scenario,
                "server": each.server,
                "number": each.number,
                "figures": each.figures,
                "report": each.report,
            }
            for each in run.samples
        ],
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


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
        "and the highest of the rounds; servers took turns. `python -m bench` does it again; "
        "`results.json` has every sample.",
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
    if run.failures:
        lines += ["", "## What did not go well", "", *(f"- {each}" for each in run.failures)]
    if plots:
        lines += ["", "## Plots", "", *(f"![{plot.stem}]({plot.name})" for plot in plots)]
    return "\n".join(lines) + "\n"
