"""One gateway per data folder: a lock that the kernel drops when its process dies (CLI)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from eyeclaw_trio.errors import FolderInUse
from eyeclaw_trio.store.database import make_folder, usable

FILE_NAME: Final = "gateway.lock"
# Who asks whether the folder is held has the lock for an instant. A gateway that starts in that
# instant tries again for this long, in seconds, before it believes that another one runs.
_PATIENCE: Final = 0.25
_PAUSE: Final = 0.01


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this gateway, until the block is left or the process dies.

    Blocks for at most 0.25 s. Raises FolderInUse with the other one's pid where it is held, and
    StoreError where the folder cannot be used. The file stays: it is the lock that counts, and
    removing it would let two gateways lock two files of one name.
    """
    make_folder(folder)
    path = folder / FILE_NAME
    with usable(path):
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        if not _lock_patiently(handle):
            pid = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise FolderInUse(
                f"another gateway (pid {pid}) runs on {folder}: stop it, "
                "or choose another folder with --data"
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(handle)


def is_folder_held(folder: Path) -> bool:
    """Whether a gateway runs on this data folder now. Changes nothing, waits for nothing.

    Raises StoreError where that cannot be found out.
    """
    path = folder / FILE_NAME
    with usable(path):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
    try:
        # Shared, so that two who ask do not take each other for a gateway.
        return not _try_lock(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _lock_patiently(handle: int) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not _try_lock(handle, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
