"""Folders that one file has left when it was killed: which of them a later start removes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from leftovers import hold, remove_leftovers

NOW = 1_800_000_000.0
WHOLE = ("libpython3.11.so.1.0", "PIL", "base_library.zip", "eyeclaw_trio")


@pytest.fixture(scope="module")
def gone() -> int:
    """The id of a process that was there and is not any more."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def unpack(
    there: Path, process: int, *names: str, letters: str = "AbC1_x", age: float = 4000.0
) -> Path:
    folder = there / f"_MEI{process:08x}{letters}"
    folder.mkdir(mode=0o700)
    for name in names:
        (folder / name).write_bytes(b"x")
    os.utime(folder, (NOW - age, NOW - age))
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return unpack(tmp_path, os.getpid(), *WHOLE, age=0.0)


def test_a_folder_whose_process_was_killed_is_removed(own: Path, gone: int) -> None:
    left = unpack(own.parent, gone, *WHOLE)
    assert remove_leftovers(own, NOW) == [left]
    assert list(own.parent.iterdir()) == [own]


@pytest.mark.parametrize("names", [(), ("PIL",), ("PIL", "libpython3.11.so.1.0")])
def test_a_folder_that_was_not_unpacked_whole_is_removed_too(
    own: Path, gone: int, names: tuple[str, ...]
) -> None:
    left = unpack(own.parent, gone, *names)
    assert remove_leftovers(own, NOW) == [left]


def test_what_may_be_in_use_or_is_of_somebody_else_stays(own: Path, gone: int) -> None:
    there = own.parent
    unpack(there, gone, *WHOLE, letters="young_", age=3500.0)
    unpack(there, os.getppid(), *WHOLE)  # its process lives
    unpack(there, gone, "base_library.zip", "PIL", letters="other1")  # another program, whole
    unpack(there, gone, "PIL", "their_library.so", letters="other2")  # another one, in part
    (there / "_MEI").mkdir()
    (there / "_MEIdocuments").mkdir()
    (there / f"_MEI{gone:08x}link12").symlink_to(unpack(there, os.getppid(), letters="target"))
    held = unpack(there, gone, *WHOLE, letters="held12")
    before = sorted(there.iterdir())
    descriptor = hold(held)
    assert remove_leftovers(own, NOW) == []
    assert sorted(there.iterdir()) == before
    os.close(descriptor)
    assert remove_leftovers(own, NOW) == [held]


@pytest.mark.skipif(os.getuid() != 0, reason="a folder of another user takes root")
def test_another_users_folder_stays(own: Path, gone: int) -> None:
    os.chown(unpack(own.parent, gone, *WHOLE), 12345, -1)
    assert remove_leftovers(own, NOW) == []


def test_one_start_does_not_wait_for_many(own: Path, gone: int) -> None:
    for number in range(5):
        unpack(own.parent, gone, *WHOLE, letters=f"many_{number}")
    assert [len(remove_leftovers(own, NOW)) for _ in range(4)] == [2, 2, 1, 0]


def test_what_cannot_be_removed_hinders_nothing(
    own: Path, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack(own.parent, gone, *WHOLE)

    def refuse(_folder: Path) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr("leftovers.shutil.rmtree", refuse)
    assert remove_leftovers(own, NOW) == []
