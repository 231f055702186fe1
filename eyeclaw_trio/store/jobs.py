"""Work on the database that somebody waits for: made on the trio thread, done on another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from attrs import define

from eyeclaw_trio.errors import StoreBusy

# Requests that may wait for one thread; more are told that it is busy.
MOST_JOBS: Final = 64


@define(eq=False)
class Job:
    """Work whose result somebody waits for. `answered` runs on the other thread, once, at its end.

    Who no longer waits sets `is_withdrawn`.
    """

    work: Callable[[sqlite3.Connection], Any]
    answered: Callable[[], None]
    result: Any = None
    error: Exception | None = None
    is_withdrawn: bool = False
    is_done: bool = False

    def finish(self, error: Exception | None = None) -> None:
        """Say that it is over; the first word counts."""
        if not self.is_done:
            self.is_done = True
            self.error = error
            self.answered()

    def refuse(self) -> None:
        """Say that it will not be done, for the thread ends."""
        self.finish(StoreBusy("the gateway is stopping; try again"))
