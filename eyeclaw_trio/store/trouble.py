"""What goes wrong with the database for a while, and is then all right again."""

from __future__ import annotations

import sqlite3

import structlog
from attrs import define

from eyeclaw_trio.store.database import explain

log = structlog.get_logger()


@define(eq=False)
class Trouble:
    """One kind of work that may fail for a while: logged once per burst."""

    what: str
    is_on: bool = False

    def begin(self, error: Exception) -> None:
        """It failed."""
        if not self.is_on:
            self.is_on = True
            why = explain(error) if isinstance(error, sqlite3.Error) else str(error)
            log.warning("store.failing", what=self.what, error=why)

    def end(self) -> None:
        """It worked."""
        if self.is_on:
            self.is_on = False
            log.info("store.recovered", what=self.what)
