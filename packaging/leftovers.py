"""What one file has left in the temporary folder when it was killed, removed by a later start.

The program in one file unpacks itself into a folder that is named `_MEI`, the id of its first
process in eight hex digits, and six more characters. That process removes it at its end; killed by
SIGKILL, or by Ctrl-C while it still unpacks, it leaves some 76 MB.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"_MEI([0-9a-f]{8})\w{6}")
# Seconds. Unpacking takes less than one; a process id of another namespace says nothing here.
_OLD: Final = 3600.0
# Of one start, which should not wait for more.
_MOST: Final = 2
# There in every folder of ours that was unpacked whole; without the second nobody can run in it.
_OURS: Final = "eyeclaw_trio"
_PYTHON: Final = "base_library.zip"


def hold(folder: Path) -> int:
    """Keep others from removing this folder for as long as this process lives: a lock on it, which
    is seen across namespaces too. The descriptor is for tests to close."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with suppress(OSError):  # a file system without locks: then nobody removes anything there
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return descriptor


def remove_leftovers(own: Path, now: float) -> list[Path]:
    """Remove what is left beside `own`, the folder of this process, at most two of them: folders
    of this user and this program that are an hour old (`now` is of the wall clock, as files' times
    are), whose process is gone, and that nobody holds. Returns them. Raises nothing."""
    names = {each.name for each in own.iterdir()}
    removed: list[Path] = []
    with suppress(OSError):
        for folder in sorted(own.parent.glob("_MEI*")):
            if len(removed) == _MOST:
                break
            with suppress(OSError):
                if _is_left(folder, names, now) and _is_free(folder):
                    shutil.rmtree(folder)
                    removed.append(folder)
    return removed


def _is_left(folder: Path, names: set[str], now: float) -> bool:
    named = _NAME.fullmatch(folder.name)
    status = folder.lstat()
    if named is None or status.st_uid != os.getuid() or now - status.st_mtime < _OLD:
        return False
    if folder.is_symlink() or not folder.is_dir() or _is_alive(int(named[1], 16)):
        return False
    there = {each.name for each in folder.iterdir()}
    return _OURS in there or (_PYTHON not in there and there <= names)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _is_free(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
