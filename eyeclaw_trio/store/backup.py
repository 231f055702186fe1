"""Backup and restore: one file that holds the whole data folder, checked in both directions.

Copies are made with SQLite's online backup, so that a gateway or a command on the same folder may
go on meanwhile and the copy is of one moment.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
from attrs import frozen

from eyeclaw_trio.errors import StoreBusy, StoreError
from eyeclaw_trio.store.admin_access import end_sessions
from eyeclaw_trio.store.database import (
    BUSY_TIMEOUT,
    FILE_NAME,
    connect,
    explain,
    open_database,
    translated,
)
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.schema import check_schema, list_tables

# Longest that a file is looked through before it counts as made to keep us busy, in seconds. A
# gigabyte takes some ten.
CHECK_TIMEOUT: Final = 120.0
# Instructions of SQLite between two looks at the clock; far less than a millisecond.
_BETWEEN_LOOKS: Final = 10_000
_SIDE_FILES: Final = ("", "-wal", "-shm")


@frozen
class DatabaseFile:
    """A database that was checked: where it is, its schema, and what is in it."""

    file: Path
    bytes: int
    schema: int
    bots: int
    keys: int
    traces: int


@frozen
class Restored:
    """What was put back, and where the database that was there before is kept."""

    database: DatabaseFile
    kept: Path | None


def back_up(folder: Path, file: Path, *, overwrite: bool = False) -> DatabaseFile:
    """Copy the database of this folder into `file`, with mode 0600, and check the copy.

    Works while a gateway runs, and changes nothing in the folder. What was under that name stays
    until the copy is whole; where nothing was, it is empty until then. Raises StoreError where
    there is no database, where the file is there already (unless `overwrite`), cannot be written
    or is one of the database itself.
    """
    source = folder / FILE_NAME
    if not source.is_file():
        raise StoreError(f"there is no database in {folder}: choose the data folder with --data")
    _refuse_own_files(folder, file)
    if not overwrite:
        with _reachable(file):
            _claim(file)
    try:
        with _reachable(file), _part_of(file) as part:
            _copy(source, part, is_live=True)
            copied = check_database(part)
            _sync(part)
            part.replace(file)
    except BaseException:
        if not overwrite:
            file.unlink(missing_ok=True)
        raise
    return attrs.evolve(copied, file=file)


def restore(folder: Path, file: Path, now: datetime) -> Restored:
    """Put the database in `file` into this folder, in place of what is there.

    The file is checked first; one of an older schema is migrated. What is there is kept as
    `eyeclaw.db.<time>.bak`; where it cannot be read as a database it is moved there as it is. Else
    the folder has one of the two at any moment, at a power failure too.

    Raises FolderInUse while a gateway runs on it, and StoreError where the file is not whole, is
    not ours, or comes from a newer version.
    """
    _refuse_own_files(folder, file)
    check_database(file)
    with hold_folder(folder):
        path = folder / FILE_NAME
        kept = _keep_present(path, now) if any(map(Path.exists, _with_side_files(path))) else None
        if path.exists():
            # Into the file that is there, in one transaction of SQLite: a command that has it
            # open now sees the new data, and not a file that was taken from under it.
            _copy(file, path, stands_alone=False)
        else:
            with _reachable(path), _part_of(path) as part:
                _copy(file, part)
                _sync(part)
                part.replace(path)
        with translated(), closing(open_database(folder)) as db:
            # Who was signed in when the copy was made, or says so in it, is not signed in now.
            end_sessions(db)
            # Still open: so that what is checked is read through the write-ahead log.
            return Restored(_check(db, path), kept)


def check_database(file: Path) -> DatabaseFile:
    """Read the whole file and look whether it is a sound database of ours. Changes nothing.

    Nothing is run from it: its schema is compared with ours before any table is read. Raises
    StoreError where it is not sound, holds anything that we did not make, comes from a newer
    version, or could not be looked through within CHECK_TIMEOUT (RELIABILITY 40).
    """
    try:
        with closing(_open_to_read(file)) as db:
            return _check(db, file)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
            raise StoreError(f"{file} is not a database") from error
        raise StoreError(f"{file}: {explain(error)}") from error


def _check(db: sqlite3.Connection, file: Path) -> DatabaseFile:
    """As `check_database`, but SQLite's errors stay what they are."""
    with _reachable(file):
        size = file.stat().st_size
    deadline = time.monotonic() + CHECK_TIMEOUT
    db.set_progress_handler(lambda: time.monotonic() > deadline, _BETWEEN_LOOKS)
    version = check_schema(db, file)
    tables = list_tables(db)
    faults = db.execute("PRAGMA integrity_check(1)").fetchall()
    if (
        faults != [("ok",)]
        or db.execute("PRAGMA foreign_key_check").fetchone()
        or any(_holds_wrong_kinds(db, table) for table in tables)
    ):
        raise StoreError(f"{file} is damaged: choose another backup")
    counts = [
        _count(db, table) if table in tables else 0
        for table in ("bots", "access_keys", "stream_traces")
    ]
    return DatabaseFile(file, size, version, *counts)


def _holds_wrong_kinds(db: sqlite3.Connection, table: str) -> bool:
    """Whether a column holds anything but what its declaration says: SQLite itself would not mind.

    What reads it would, and much later.
    """
    columns = db.execute(f"PRAGMA table_info ({table})").fetchall()
    wrong = " OR ".join(
        f"typeof({name}) NOT IN (lower('{kind}'), 'null')" for _, name, kind, *_ in columns
    )
    return db.execute(f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1").fetchone() is not None  # noqa: S608


def _open_to_read(file: Path, *, live: bool = False) -> sqlite3.Connection:
    """A connection that makes no file, and of one that is not `live` touches nothing at all."""
    with _reachable(file):
        if not stat.S_ISREG(file.stat().st_mode):
            raise StoreError(f"{file} is not a file")
    if live:
        return connect(file)  # its write-ahead log is read too
    # Where somebody copied both, the log is read too; without one a plain copy in WAL mode could
    # not be read otherwise.
    has_log = file.with_name(file.name + "-wal").exists()
    mode = "ro" if has_log else "ro&immutable=1"
    uri = f"{file.resolve().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  (ours)


def _claim(file: Path) -> None:
    """Make the file, empty and private. Raises StoreError where there is one already."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        raise StoreError(f"{file} is there already: choose another name, or say --force") from None


@contextmanager
def _part_of(file: Path) -> Iterator[Path]:
    """A private file beside this one to write into; it is gone afterwards, or has been renamed."""
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    _claim(part)
    try:
        yield part
    finally:
        for ending in ("", "-journal"):
            part.with_name(part.name + ending).unlink(missing_ok=True)


def _copy(source: Path, target: Path, *, is_live: bool = False, stands_alone: bool = True) -> None:
    """Copy a database, which may be live, into a file that stands alone or is live itself."""
    deadline = time.monotonic() + BUSY_TIMEOUT

    def give_up(status: int, _remaining: int, _total: int) -> None:
        # Python itself tries a locked database again for ever.
        if status != sqlite3.SQLITE_DONE and time.monotonic() > deadline:
            raise StoreBusy("the database is busy: another process holds it; try again")

    with (
        translated(),
        closing(_open_to_read(source, live=is_live)) as from_db,
        closing(connect(target)) as to_db,
    ):
        from_db.backup(to_db, progress=give_up)
        if stands_alone:
            to_db.execute("PRAGMA journal_mode = DELETE")  # without a -wal beside it


def _keep_present(path: Path, now: datetime) -> Path:
    """Keep the database that is there under a name that is free, even when it is damaged."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    names = (f"{FILE_NAME}.{stamp}{more}.bak" for more in ("", *(f"-{n}" for n in range(2, 100))))
    kept = next(each for name in names if not (each := path.with_name(name)).exists())
    with _reachable(kept):
        if _is_database(path):
            with _part_of(kept) as part:
                _copy(path, part, is_live=True)
                part.replace(kept)
            return kept
        for side, aside in zip(_with_side_files(path), _with_side_files(kept), strict=True):
            if side.exists():
                side.rename(aside)
    return kept


def _with_side_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _SIDE_FILES]


def _is_database(path: Path) -> bool:
    """Whether SQLite can make anything of it, damaged in places or not."""
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        with closing(_open_to_read(path, live=True)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
    return True


@contextmanager
def _reachable(file: Path) -> Iterator[None]:
    """The file system's errors leave this as StoreError about `file`."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror or 'cannot be used'}") from error


def _refuse_own_files(folder: Path, file: Path) -> None:
    if file.resolve() in map(Path.resolve, _with_side_files(folder / FILE_NAME)):
        raise StoreError(f"{file} is the database itself: name another file")


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
