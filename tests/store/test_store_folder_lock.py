"""One gateway per data folder, across processes and their deaths."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eyeclaw_trio.errors import FolderInUse, StoreError
from eyeclaw_trio.store.folder_lock import hold_folder, is_folder_held

HOLD = (
    "import sys; from pathlib import Path\n"
    "from eyeclaw_trio.store.folder_lock import hold_folder\n"
    "with hold_folder(Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@contextmanager
def held_by_another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child


def test_a_second_gateway_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as child:
        assert is_folder_held(tmp_path)
        with pytest.raises(FolderInUse, match=rf"pid {child.pid}\b"), hold_folder(tmp_path):
            pass
        assert is_folder_held(tmp_path)
    assert not is_folder_held(tmp_path)
    with hold_folder(tmp_path):
        assert is_folder_held(tmp_path)
    assert not is_folder_held(tmp_path)


def test_a_gateway_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as child:
        child.kill()
        child.wait(10)
        assert not is_folder_held(tmp_path)
        with hold_folder(tmp_path):
            pass


def test_a_gateway_whose_lock_was_removed_still_holds_the_folder(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path):
        (tmp_path / "gateway.lock").unlink()
        assert is_folder_held(tmp_path)
        with pytest.raises(FolderInUse, match="pid unknown"), hold_folder(tmp_path):
            pass
        # Neither did the one that was refused leave anything that could be taken for its lock.
        assert is_folder_held(tmp_path)
    assert not is_folder_held(tmp_path)


def test_a_gateway_of_before_which_locks_the_file_only_holds_the_folder_too(
    tmp_path: Path,
) -> None:
    with (tmp_path / "gateway.lock").open("w+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.write("77\n")
        handle.flush()
        assert is_folder_held(tmp_path)
        with pytest.raises(FolderInUse, match=r"pid 77\b"), hold_folder(tmp_path):
            pass


def test_where_a_folder_cannot_be_locked_the_lock_of_the_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock

    def flock(handle: int, kind: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")  # as NFS says
        real(handle, kind)

    monkeypatch.setattr(fcntl, "flock", flock)
    with held_by_another_process(tmp_path) as child:
        assert is_folder_held(tmp_path)
        with pytest.raises(FolderInUse, match=rf"pid {child.pid}\b"), hold_folder(tmp_path):
            pass
    with hold_folder(tmp_path):
        assert is_folder_held(tmp_path)


def test_a_folder_that_nobody_ever_held_is_not_held_and_not_made(tmp_path: Path) -> None:
    assert not is_folder_held(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_the_folder_and_the_lock_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with hold_folder(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "gateway.lock").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_used_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match="cannot be used"), hold_folder(tmp_path / "data"):
        pass
