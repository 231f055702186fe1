"""Backup and restore: one file that holds the whole data folder, checked in both directions.

Copies are made with SQLite's online backup, so that a gateway or a command on the same folder may
go on meanwhile and the copy is of one moment.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
from attrs import frozen

from eyeclaw_trio.errors import StoreBusy, StoreError
from eyeclaw_trio.store.database import (
    BUSY_TIMEOUT,
    FILE_NAME,
    STEPS,
    explain,
    open_database,
    translated,
)
from eyeclaw_trio.store.folder_lock import hold_folder

_OURS: Final = frozenset({"bots", "access_keys", "bot_sessions"})
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
            _copy(source, part)
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
        kept = _keep_present(path, now) if path.exists() else None
        with _reachable(path):
            if not path.exists():
                _claim(path)
        # Into the file that is there, in one transaction of SQLite: a command that has it open
        # now sees the new data, and not a file that was taken from under it.
        _copy(file, path, from_live=False)
        with translated(), closing(open_database(folder)) as db:
            # Still open: so that what is checked is read through the write-ahead log.
            return Restored(_check(db, path), kept)


def check_database(file: Path) -> DatabaseFile:
    """Read the whole file and look whether it is a sound database of ours. Changes nothing.

    Raises StoreError where it is not, or comes from a newer version.
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
    faults = db.execute("PRAGMA integrity_check(1)").fetchall()
    if faults != [("ok",)] or db.execute("PRAGMA foreign_key_check").fetchone():
        raise StoreError(f"{file} is damaged: choose another backup")
    schema: int = db.execute("PRAGMA user_version").fetchone()[0]
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    if not tables >= _OURS or schema < 1:
        raise StoreError(f"{file} is not a database of eyeclaw-trio")
    if schema > len(STEPS):
        raise StoreError(
            f"{file} was written by a newer version (schema {schema}, this one knows "
            f"{len(STEPS)}): update eyeclaw-trio first"
        )
    counts = [
        _count(db, table) if table in tables else 0
        for table in ("bots", "access_keys", "stream_traces")
    ]
    return DatabaseFile(file, size, schema, *counts)


def _open_to_read(file: Path, *, live: bool = False) -> sqlite3.Connection:
    """A connection that makes no file, and of one that is not `live` touches nothing at all."""
    with _reachable(file):
        file.stat()
    if live:
        mode = "rw"  # its write-ahead log is read too
    elif file.with_name(file.name + "-wal").exists():
        mode = "ro"  # somebody copied both
    else:
        mode = "ro&immutable=1"  # a plain copy in WAL mode could not be read otherwise
    uri = f"{file.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


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


def _copy(source: Path, target: Path, *, from_live: bool = True) -> None:
    """Copy a database; where it comes from a live one, into a file that stands alone."""
    deadline = time.monotonic() + BUSY_TIMEOUT

    def give_up(status: int, _remaining: int, _total: int) -> None:
        # Python itself tries a locked database again for ever.
        if status != sqlite3.SQLITE_DONE and time.monotonic() > deadline:
            raise StoreBusy("the database is busy: another process holds it; try again")

    with (
        translated(),
        closing(_open_to_read(source, live=from_live)) as from_db,
        closing(sqlite3.connect(target, timeout=BUSY_TIMEOUT, isolation_level=None)) as to_db,
    ):
        from_db.backup(to_db, progress=give_up)
        if from_live:
            to_db.execute("PRAGMA journal_mode = DELETE")  # without a -wal beside it


def _keep_present(path: Path, now: datetime) -> Path:
    """Keep the database that is there under a name that is free, even when it is damaged."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    names = (f"{FILE_NAME}.{stamp}{more}.bak" for more in ("", *(f"-{n}" for n in range(2, 100))))
    kept = next(each for name in names if not (each := path.with_name(name)).exists())
    with _reachable(kept):
        if _is_database(path):
            with _part_of(kept) as part:
                _copy(path, part)
                part.replace(kept)
            return kept
        for ending in _SIDE_FILES:
            side = path.with_name(path.name + ending)
            if side.exists():
                side.rename(kept.with_name(kept.name + ending))
    return kept


def _is_database(path: Path) -> bool:
    """Whether SQLite can make anything of it, damaged in places or not."""
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
    own = {(folder / (FILE_NAME + ending)).resolve() for ending in _SIDE_FILES}
    if file.resolve() in own:
        raise StoreError(f"{file} is the database itself: name another file")


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
