"""Does something before a certain step of whichever task, so that a test can do it before each."""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import define


@define(eq=False)
class CutAt(trio.abc.Instrument):
    """Calls `cut` before the step of this number, counted since it was added to the loop."""

    number: int
    cut: Callable[[], None]
    steps: int = 0
    failure: Exception | None = None

    @property
    def has_cut(self) -> bool:
        return self.steps >= self.number

    def before_task_step(self, _: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == self.number:
            try:
                self.cut()
            except Exception as error:  # trio would only log it
                self.failure = error
