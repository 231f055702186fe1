"""The schema: the steps that lead to it, and whether a database has it and nothing beside it.

A trigger, a view or an index on an expression is code, which runs when the table under it is
used. So nothing is asked of a file that may come from anywhere before its schema has been compared
with ours, word for word (RELIABILITY 40).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

from attrs import frozen

from eyeclaw_trio.errors import StoreError


def _read_step(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


# The way from an empty database to the present schema. Step N leads from version N to N+1. What
# has been released is never edited: a change is one more step.
STEPS: Final[Sequence[str]] = (
    _read_step("schema.sql"),
    _read_step("step_2_traces.sql"),
    _read_step("step_3_provider_answers.sql"),
    _read_step("step_4_trace_list.sql"),
    _read_step("step_5_overview.sql"),
    _read_step("step_6_trace_dots.sql"),
    _read_step("step_7_admin.sql"),
    _read_step("step_8_binding.sql"),
    _read_step("step_9_memory.sql"),
)

# What ANALYZE, which a person may have run, leaves behind.
_STATISTICS: Final = frozenset(
    {
        ("table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
        (
            "table",
            "sqlite_stat4",
            "sqlite_stat4",
            "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
        ),
    }
)

# Kind, name, table and statement of everything in a schema.
_Objects = frozenset[tuple[str, str, str, str | None]]


@frozen
class _Schema:
    application: int
    objects: _Objects

    @property
    def tables(self) -> set[str]:
        return {name for kind, name, _, _ in self.objects if kind == "table"}


def run_steps(db: sqlite3.Connection, steps: Sequence[str]) -> None:
    """Execute the statements of these steps, within the caller's transaction."""
    for statement in _split("\n".join(steps)):
        db.execute(statement)


def read_version(db: sqlite3.Connection) -> int:
    """How many steps this database has behind it."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_schema(db: sqlite3.Connection, path: Path, steps: Sequence[str] = STEPS) -> int:
    """The version of this database; of its tables none is read, and nothing is run from it.

    Raises StoreError where it is not one of ours, comes from a newer version, or holds anything
    that the steps to its version did not make.
    """
    found, version = _read(db), read_version(db)
    newest = _expect(tuple(steps))
    if version > len(steps) and found.application == newest.application:
        raise StoreError(
            f"{path} was written by a newer version (schema {version}, this one knows "
            f"{len(steps)}): update eyeclaw-trio, or choose another folder with --data"
        )
    if not 0 < version <= len(steps):
        raise _foreign(path)
    expected = _expect(tuple(steps[:version]))
    if found.application != expected.application or not found.tables >= expected.tables:
        raise _foreign(path)
    others = found.objects - expected.objects - _STATISTICS
    for kind, name, _, _ in sorted(others, key=str):
        raise StoreError(
            f"{path} has a {ascii(kind)[1:-1]} {name!a} that eyeclaw-trio did not make so and "
            "that might do anything: drop it, or choose another backup"
        )
    if expected.objects - found.objects:
        raise StoreError(f"{path} lacks a part of its schema: choose another backup")
    return version


def list_tables(db: sqlite3.Connection) -> list[str]:
    """The names of its own tables; to be asked only of a schema that was checked."""
    return sorted(name for name in _read(db).tables if not name.startswith("sqlite_"))


def _foreign(path: Path) -> StoreError:
    return StoreError(
        f"{path} is not a database of eyeclaw-trio: move it away, or choose another file or folder"
    )


def _read(db: sqlite3.Connection) -> _Schema:
    application: int = db.execute("PRAGMA application_id").fetchone()[0]
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return _Schema(application, frozenset(rows))


@lru_cache(maxsize=16)
def _expect(steps: tuple[str, ...]) -> _Schema:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        run_steps(db, steps)
        return _read(db)


def _split(script: str) -> Iterator[str]:
    """The statements of a script: sqlite3's own executescript would commit our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
