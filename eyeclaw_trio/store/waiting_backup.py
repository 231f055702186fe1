"""A backup that waits for the next start: a running gateway does not change its data underneath
itself, so what its page is given is checked, put aside, and restored before the next one begins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import structlog

from eyeclaw_trio.errors import FolderInUse, StoreError
from eyeclaw_trio.store.backup import DatabaseFile, Restored, check_database, restore
from eyeclaw_trio.store.database import usable

log = structlog.get_logger()

WAITING: Final = "restore.db"
# What is being received, and what could not be restored.
_PART: Final = "restore.db.part"
_REFUSED: Final = "restore.db.refused"


def part_of_waiting(folder: Path) -> Path:
    """Where to write what is received."""
    return folder / _PART


def let_wait(folder: Path) -> DatabaseFile:
    """Check what was received, and have it restored at the next start, in place of another one.

    Blocks, for CHECK_TIMEOUT at most. Raises StoreError as `check_database`: then it is gone.
    """
    part, waiting = folder / _PART, folder / WAITING
    try:
        checked = check_database(part)
        with usable(waiting):
            part.replace(waiting)
    finally:
        forget_part(folder)
    return attrs.evolve(checked, file=waiting)


def forget_part(folder: Path) -> None:
    """What was received so far is not wanted any more."""
    for name in (_PART, f"{_PART}-journal"):
        with suppress(OSError):
            (folder / name).unlink()


def forget_waiting(folder: Path) -> bool:
    """Nothing is to be restored; whether something was. Raises StoreError."""
    waiting = folder / WAITING
    with usable(waiting):
        try:
            waiting.unlink()
        except FileNotFoundError:
            return False
    return True


def is_waiting(folder: Path) -> bool:
    """Whether a backup waits."""
    try:
        return (folder / WAITING).is_file()
    except OSError:
        return False


def restore_waiting(folder: Path, now: Callable[[], datetime]) -> Restored | None:
    """Restore what waits, if anything does: before a gateway opens the folder. Blocks.

    A file that cannot be restored is put aside as `restore.db.refused`, which the log says, and
    the folder stays as it is. Raises FolderInUse: then it waits on.
    """
    if not is_waiting(folder):
        return None
    waiting = folder / WAITING
    try:
        done = restore(folder, waiting, now())
    except FolderInUse:
        raise
    except StoreError as error:
        log.error("restore.refused", why=str(error))
        with usable(waiting):
            waiting.replace(folder / _REFUSED)
        return None
    with usable(waiting):
        waiting.unlink()
    log.warning("restore.done", bots=done.database.bots, keys=done.database.keys)
    return done
