"""The database file: opened privately, brought to the present schema, and its errors in our words.

Every connection is in autocommit mode, so that a transaction is a `with` that can be seen, and
writers wait for each other at its beginning instead of failing in the middle.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from eyeclaw_trio.errors import StoreBusy, StoreError
from eyeclaw_trio.store.schema import STEPS, check_schema, read_version, run_steps

# For those who hand a connection on and have nothing else to do with SQLite.
Database = sqlite3.Connection

FILE_NAME: Final = "eyeclaw.db"
# Seconds until a database that another process holds counts as busy. A command holds it for
# milliseconds; a backup tool may for longer.
BUSY_TIMEOUT: Final = 5.0
# Bytes of the file that a connection which only reads may keep: the index of a full list of traces,
# which SQLite otherwise reads anew for each count beside a filter.
READING_CACHE: Final = 32 << 20
# Result codes of SQLite that mean: another connection has it, the same again may work.
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_FORBIDDEN: Final = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_MEANINGS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "the disk could not be read or written",
    sqlite3.SQLITE_READONLY: "it is read-only for this user: check whose it and its folder are",
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened: check that this user may write to its folder, and that its disk is "
        "not read-only"
    ),
    sqlite3.SQLITE_PERM: "this user may not use it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: put back a copy of it",
    sqlite3.SQLITE_NOTADB: "the file is not a database: move it away or put back a copy",
    sqlite3.SQLITE_INTERRUPT: "it took too long and was given up",
}


def open_database(
    folder: Path, *, check_same_thread: bool = True, steps: Sequence[str] = STEPS
) -> sqlite3.Connection:
    """Open the database in `folder`, made if it is missing, with the present schema.

    Blocks for at most a few times BUSY_TIMEOUT. The folder gets mode 0700 when it is made here,
    the files in it 0600. An older database is migrated after a copy of it was kept as
    `eyeclaw.db.v<N>.bak` (RELIABILITY 33). The caller closes the connection; with
    `check_same_thread` false it may hand it to another thread, which then owns it alone.

    Raises StoreError where the folder or file cannot be used, the folder is open to others, the
    file is empty, not ours or from a newer version (RELIABILITY 40: none of them is changed), and
    StoreBusy where another process holds it all the time.
    """
    path = folder / FILE_NAME
    make_folder(folder)
    with usable(path), translated():
        if not path.exists():
            _refuse_left_log(path)
            _make(path, steps)
        _make_private(path)
        db = connect(path, check_same_thread=check_same_thread)
        try:
            # First of all, so that the file of another program or version is left as it is.
            check_schema(db, path, steps)
            _enter_wal(db)
            _migrate(db, path, steps)
            # Only now: a step may have to rebuild a table that others refer to.
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
    return db


def open_to_read(folder: Path) -> sqlite3.Connection:
    """One more connection to a database that is open already, for another thread; it only reads.

    Raises StoreError.
    """
    path = folder / FILE_NAME
    with usable(path), translated():
        db = connect(path, check_same_thread=False)
        db.execute("PRAGMA query_only = ON")
        db.execute(f"PRAGMA cache_size = -{READING_CACHE >> 10:d}")
    return db


def connect(path: Path, *, check_same_thread: bool = True) -> sqlite3.Connection:
    """A connection to a file that is there: SQLite never makes one. Raises SQLite's errors.

    Nothing that stands in the file's schema may call a function that does more than compute.
    """
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=check_same_thread,
    )
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def make_folder(folder: Path) -> None:
    """Make the data folder with mode 0700 when it is missing.

    Raises StoreError where it cannot be made, or everybody may write to it: then anybody could
    have put a database of theirs in the place of ours. It is not closed here, for it may be one
    that others need, as /tmp is. A group's right to write stays: somebody gave it on purpose.
    """
    with usable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IWOTH:
        raise StoreError(
            f"{folder} is open to everybody (mode {mode:04o}), who could put another database in "
            f"place of yours: say `chmod o-w {folder}`, or choose another folder with --data"
        )


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction for writing: committed at the end, rolled back on any exception.

    It has the write lock from its beginning on, and waits for it at most the connection's busy
    time-out. Raises StoreError for SQLite's errors; does not nest.
    """
    with translated():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            roll_back(db)
            raise


@contextmanager
def one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """All that is read in the block is as of one moment, whoever writes meanwhile; so no page of
    the file has to be read twice. Within another transaction it adds nothing.

    Raises StoreError for SQLite's errors.
    """
    if db.in_transaction:
        yield
        return
    with translated():
        db.execute("BEGIN")
        try:
            yield
        finally:
            roll_back(db)


def roll_back(db: sqlite3.Connection) -> None:
    """Leave the transaction, if there is one; SQLite ends it by itself after some errors."""
    if db.in_transaction:
        with suppress(sqlite3.Error):  # the error that led here is the one to hear of
            db.execute("ROLLBACK")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether this error means that another connection holds the database."""
    return _code_of(error) in _BUSY


def is_outage(error: sqlite3.Error) -> bool:
    """Whether disk, file or lock are to blame, and not the statement."""
    code = _code_of(error)
    return code in _BUSY or code in _MEANINGS or code == sqlite3.SQLITE_NOMEM


def is_forbidden(error: BaseException) -> bool:
    """Whether it was this user who may not: what is there may well be sound."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _code_of(cause) in _FORBIDDEN
    return isinstance(cause, PermissionError)


def explain(error: sqlite3.Error) -> str:
    """One line about this error, without any value of a statement."""
    # SQLite names tables and columns, never what was bound to them.
    return f"the database failed: {_MEANINGS.get(_code_of(error), str(error))}"


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's errors leave this as StoreError, or StoreBusy where the same again may work."""
    try:
        yield
    except sqlite3.Error as error:
        if is_busy(error):
            raise StoreBusy("the database is busy: another process holds it; try again") from error
        raise StoreError(explain(error)) from error


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """The file system's errors leave this as StoreError about `path`."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path} cannot be used ({error.strerror}): mend that, or choose another data folder "
            "with --data"
        ) from error


def _code_of(error: sqlite3.Error) -> int:
    # The low byte is the code itself, the rest says more about it. Errors of the Python module
    # (a closed connection, say) have none.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _refuse_left_log(path: Path) -> None:
    """SQLite would play the log of another database into the new one."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and not path.exists():  # asked again: another process may make it now
        raise StoreError(
            f"{log} is there without {path.name}: put that back, or put a backup in its place "
            "(eyeclaw restore FILE), or remove the log too to begin anew"
        )


def _make(path: Path, steps: Sequence[str]) -> None:
    """Make the database, whole or not at all: an empty file of that name is never of our making."""
    handle, name = tempfile.mkstemp(".part", f".{FILE_NAME}.", path.parent)  # mode 0600
    os.close(handle)
    part = Path(name)
    try:
        with closing(connect(part)) as db, transaction(db):
            run_steps(db, steps)
            db.execute(f"PRAGMA user_version = {len(steps):d}")
        _appear(part, path)
    finally:
        part.unlink(missing_ok=True)


def _appear(part: Path, path: Path) -> None:
    """Give the file its name, unless another process was first."""
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:
        # A file system without links. Two that make their first database there in the same
        # moment may then hold two; on all others the link decides.
        if not path.exists():
            part.rename(path)


def _make_private(path: Path) -> None:
    """Before SQLite comes: its -wal and -shm take their mode from the file's.

    The file is not opened here: closing it again would drop the locks that SQLite holds on it in
    this process (POSIX locks belong to process and file).
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(
            f"{path} is not a file: move it away, or choose another folder with --data"
        )
    if status.st_size == 0:
        raise StoreError(
            f"{path} is empty, so all keys and bots would be lost without a word: put a backup in "
            "its place (eyeclaw restore FILE), or remove it to begin anew"
        )
    if status.st_mode & 0o077:
        path.chmod(0o600)


def _enter_wal(db: sqlite3.Connection) -> None:
    """Readers and the writer stop waiting for each other; the mode stays with the file."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not use its busy time-out here, where two processes come first at once.
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _migrate(db: sqlite3.Connection, path: Path, steps: Sequence[str]) -> None:
    """All steps or none, behind one copy of what was there before the first."""
    if read_version(db) >= len(steps):
        return
    with transaction(db):
        # Looked at again, now with the lock: another process may have done it.
        version = check_schema(db, path, steps)
        if version == len(steps):
            return
        _keep_copy(path, path.with_name(f"{FILE_NAME}.v{version}.bak"))
        run_steps(db, steps[version:])
        if db.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise StoreError(f"the data cannot be brought to schema {len(steps)}")
        db.execute(f"PRAGMA user_version = {len(steps):d}")


def _keep_copy(path: Path, copy: Path) -> None:
    """Copy the database as it was committed last; under its name only once it is whole."""
    part = copy.with_name(copy.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    # A connection of its own reads: the one that holds the write lock may not be copied from.
    with closing(connect(path)) as source, closing(connect(part)) as target:
        source.backup(target)
        # One file that stands alone, without a -wal beside it.
        target.execute("PRAGMA journal_mode = DELETE")
    part.replace(copy)
