"""What is seen while it measures: a bar, what is being loaded, and the figures as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.scenario import Scenario


class Display:
    """On stderr, so that stdout is for results. On no terminal: one line for each measurement."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[now]}"),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, now="")
        self._what = ""

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, total: int) -> None:
        """So many measurements will come."""
        self._bar.update(self._task, total=total)

    def say(self, words: str) -> None:
        """One line that stays."""
        self._console.print(words, markup=False, soft_wrap=True)

    def measuring(self, scenario: str, server: str, number: int) -> None:
        """This one is next."""
        self._what = f"{scenario} · {server} · {number + 1}"
        self._bar.update(self._task, description=self._what, now="")

    def loading(self, said: Mapping[str, Any]) -> None:
        """What the load generator says while it works."""
        if said.get("event") == "progress":
            now = f"{said['links']} links, {said['chunks_per_s']:,.0f} chunks/s"
            self._bar.update(self._task, now=now)

    def measured(self, scenario: Scenario, figures: Mapping[str, float | None]) -> None:
        """One measurement is done."""
        words = [
            f"{each.title} {value:,.{each.digits}f}"
            for each in scenario.figures
            if (value := figures[each.name]) is not None
        ]
        self.say(f"{self._what}: {', '.join(words)}")

    def advance(self) -> None:
        """And so it is one less."""
        self._bar.advance(self._task)
