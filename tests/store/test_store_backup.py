"""Backup and restore: whole or not at all, checked, and never over something by mistake."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from store_helpers import NOON, count_traces, opened, write_first_key
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.errors import FolderInUse, StoreBusy, StoreError
from eyeclaw_trio.store import backup, database
from eyeclaw_trio.store.backup import back_up, check_database, restore
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.keys import create_key, list_keys
from eyeclaw_trio.store.schema import STEPS
from eyeclaw_trio.store.store import open_store
from eyeclaw_trio.store.traces import write_trace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a bot, a key and a trace."""
    data = tmp_path / "data"
    with opened(data) as db:
        add_bot(db, "home", now=NOON)
        create_key(db, "first", now=NOON)
        with transaction(db):
            write_trace(db, end_trace(make_trace()), NOON, 0.0)
    return data


def keys_in(folder: Path) -> list[str]:
    with opened(folder) as db:
        return [key.name for key in list_keys(db)]


def add_key(folder: Path, name: str) -> None:
    with opened(folder) as db:
        create_key(db, name, now=NOON)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_is_one_private_file_that_holds_all(folder: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = back_up(folder, tmp_path / "copy")
    finally:
        os.umask(before)
    assert made == check_database(tmp_path / "copy")
    assert (made.schema, made.bots, made.keys, made.traces) == (len(STEPS), 1, 1, 1)
    assert made.bytes == (tmp_path / "copy").stat().st_size
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["copy", "data"]
    assert names_in(folder) == ["eyeclaw.db"]


async def test_a_backup_is_made_while_a_gateway_writes(folder: Path, tmp_path: Path) -> None:
    with hold_folder(folder):
        async with open_store(folder) as store:
            for number in range(500):
                store.trace_ended(end_trace(make_trace(str(number))))
            made = back_up(folder, tmp_path / "copy")
            assert 1 <= made.traces <= 501
            assert await store.run(count_traces) == 501
            assert store.dropped == 0


def test_a_backup_overwrites_nothing_unless_it_is_told_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(StoreError, match=r"there already.*--force"):
        back_up(folder, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "precious"
    back_up(folder, tmp_path / "copy", overwrite=True)
    assert check_database(tmp_path / "copy").keys == 1
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["eyeclaw.db", "eyeclaw.db-wal", "../data/eyeclaw.db"])
def test_the_database_itself_is_no_place_for_a_backup(folder: Path, name: str) -> None:
    with pytest.raises(StoreError, match="the database itself"):
        back_up(folder, folder / name, overwrite=True)
    if "wal" not in name:
        with pytest.raises(StoreError, match="the database itself"):
            restore(folder, folder / name, NOON)
    assert keys_in(folder) == ["first"]


def test_a_backup_that_fails_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_sync", fail)
    with pytest.raises(StoreError, match="No space left"):
        back_up(folder, tmp_path / "copy")
    with pytest.raises(StoreError, match="No such file"):
        back_up(folder, tmp_path / "missing" / "copy")
    with pytest.raises(StoreError, match=r"no database.*--data"):
        back_up(tmp_path, tmp_path / "copy")
    assert names_in(tmp_path) == ["data"]


def test_what_was_backed_up_is_put_back_and_what_was_there_is_kept(
    folder: Path, tmp_path: Path
) -> None:
    back_up(folder, tmp_path / "copy")
    add_key(folder, "second")
    done = restore(folder, tmp_path / "copy", NOON)
    assert keys_in(folder) == ["first"]
    assert done.kept == folder / "eyeclaw.db.20260131T120000Z.bak"
    assert check_database(done.kept).keys == 2
    assert stat.S_IMODE(done.kept.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "eyeclaw.db").stat().st_mode) == 0o600
    again = restore(folder, done.kept, NOON)
    assert keys_in(folder) == ["first", "second"]
    assert again.kept == folder / "eyeclaw.db.20260131T120000Z-2.bak"
    assert names_in(folder) == sorted(
        ["eyeclaw.db", "gateway.lock", done.kept.name, again.kept.name]
    )


def test_a_backup_makes_a_new_folder(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "copy")
    done = restore(tmp_path / "new", tmp_path / "copy", NOON)
    assert done.kept is None
    assert keys_in(tmp_path / "new") == ["first"]
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "eyeclaw.db").stat().st_mode) == 0o600


def test_nothing_is_restored_under_a_running_gateway(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "copy")
    add_key(folder, "second")
    program = (
        "import sys; from pathlib import Path\n"
        "from eyeclaw_trio.store.folder_lock import hold_folder\n"
        "with hold_folder(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUse, match=f"pid {child.pid}"):
            restore(folder, tmp_path / "copy", NOON)
    assert keys_in(folder) == ["first", "second"]
    assert not list(folder.glob("*.bak"))


def test_a_command_that_has_the_database_open_sees_what_was_restored(
    folder: Path, tmp_path: Path
) -> None:
    back_up(folder, tmp_path / "copy")
    with opened(folder) as db:
        create_key(db, "second", now=NOON)
        restore(folder, tmp_path / "copy", NOON)
        assert [key.name for key in list_keys(db)] == ["first"]
        create_key(db, "third", now=NOON)
    assert keys_in(folder) == ["first", "third"]


def test_a_database_that_is_held_all_the_time_is_busy_and_stays_as_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(folder, tmp_path / "copy")
    add_key(folder, "second")
    monkeypatch.setattr(backup, "BUSY_TIMEOUT", 0.1)
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.1)
    with opened(folder) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy):
            restore(folder, tmp_path / "copy", NOON)
        other.execute("ROLLBACK")
    assert keys_in(folder) == ["first", "second"]


def test_what_is_not_sound_is_refused_before_anything_is_touched(
    folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    back_up(folder, bad)
    good = bad.read_bytes()

    def refuse(content: bytes, words: str) -> None:
        bad.write_bytes(content)
        with pytest.raises(StoreError, match=words):
            restore(folder, bad, NOON)
        assert bad.read_bytes() == content

    refuse(b"", "not a database of eyeclaw-trio")
    refuse(b"a letter\n" * 1000, "not a database")
    refuse(good[:5000], "damaged")
    refuse(good[: len(good) // 2] + b"\xff" * (len(good) - len(good) // 2), "damaged")
    bad.unlink()
    with closing(sqlite3.connect(bad)) as db:
        db.execute("CREATE TABLE letters (a)")
        db.execute("PRAGMA user_version = 1")
    refuse(bad.read_bytes(), "not a database of eyeclaw-trio")
    bad.write_bytes(good)
    with closing(sqlite3.connect(bad)) as db:
        db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    refuse(bad.read_bytes(), "newer version.*update")
    with pytest.raises(StoreError, match="No such file"):
        restore(folder, tmp_path / "missing", NOON)
    assert names_in(folder) == ["eyeclaw.db"]
    assert keys_in(folder) == ["first"]


def test_a_backup_of_an_older_schema_is_migrated(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "old", steps=STEPS[:1])) as db:
        write_first_key(db, "old")
    made = back_up(tmp_path / "old", tmp_path / "copy")
    assert (made.schema, made.traces) == (1, 0)
    done = restore(tmp_path / "new", tmp_path / "copy", NOON)
    assert (done.database.schema, done.database.keys) == (len(STEPS), 1)


def test_a_plain_copy_of_the_file_can_be_restored_too(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "eyeclaw.db", tmp_path / "copy")  # closed, but still in WAL mode
    (tmp_path / "copy").chmod(0o400)
    add_key(folder, "second")
    restore(folder, tmp_path / "copy", NOON)
    assert keys_in(folder) == ["first"]
    assert names_in(tmp_path) == ["copy", "data"]


def test_a_damaged_database_is_moved_aside_for_the_backup(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "copy")
    (folder / "eyeclaw.db").write_bytes(b"a letter\n" * 1000)
    done = restore(folder, tmp_path / "copy", NOON)
    assert keys_in(folder) == ["first"]
    assert done.kept is not None
    assert done.kept.read_bytes().startswith(b"a letter")
