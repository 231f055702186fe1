"""One gateway per data folder: a lock that the kernel drops when its process dies (CLI).

It is the folder itself that is locked: a file in it could be removed, and a second gateway would
lock the next file of that name. `gateway.lock` says who holds it, and is locked too, for a gateway
of before that knows of no other lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from eyeclaw_trio.errors import FolderInUse
from eyeclaw_trio.store.database import make_folder, usable

FILE_NAME: Final = "gateway.lock"
# Who asks whether the folder is held has the lock for an instant. A gateway that starts in that
# instant tries again for this long, in seconds, before it believes that another one runs.
_PATIENCE: Final = 0.25
_PAUSE: Final = 0.01
# What network file systems say where a file can be locked and a folder can not: there the file's
# lock has to do.
_NO_LOCKS: Final = frozenset({errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL})


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this gateway, until the block is left or the process dies.

    Blocks for at most 0.5 s. Raises FolderInUse with the other one's pid where it is held, and
    StoreError where the folder cannot be used. `gateway.lock` stays.
    """
    make_folder(folder)
    path = folder / FILE_NAME
    with ExitStack() as stack:
        with usable(path):
            of_folder = _open(folder, os.O_RDONLY | os.O_DIRECTORY, stack)
            of_file = _open(path, os.O_CREAT | os.O_RDWR, stack)
            is_ours = _lock_patiently(of_folder) and _lock_patiently(of_file)
        if not is_ours:
            pid = os.pread(of_file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise FolderInUse(
                f"another gateway (pid {pid}) runs on {folder}: stop it, "
                "or choose another folder with --data"
            )
        os.ftruncate(of_file, 0)
        os.pwrite(of_file, f"{os.getpid()}\n".encode("ascii"), 0)
        yield


def is_folder_held(folder: Path) -> bool:
    """Whether a gateway runs on this data folder now. Changes nothing, waits for nothing.

    Raises StoreError where that cannot be found out.
    """
    with usable(folder), ExitStack() as stack:
        # Shared, so that two who ask do not take each other for a gateway.
        return not all(
            _try_lock(_open(each, os.O_RDONLY, stack), fcntl.LOCK_SH)
            for each in (folder, folder / FILE_NAME)
            if each.exists()
        )


def _open(path: Path, flags: int, stack: ExitStack) -> int:
    handle = os.open(path, flags | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, handle)
    return handle


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
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
