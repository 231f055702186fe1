"""Hostile backups, foreign or empty files, unsafe folders: refused in words (RELIABILITY 40)."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from store_helpers import NOON, opened

from eyeclaw_trio.errors import StoreError
from eyeclaw_trio.store import backup
from eyeclaw_trio.store.backup import back_up, check_database, restore
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.keys import create_key, list_keys, revoke_key
from eyeclaw_trio.store.schema import STEPS

ENDLESS = (
    "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more)"
    " SELECT n AS id FROM more"
)
# Each is put into a database that is otherwise sound, with words of the refusal: code,
CODE = {
    "a trigger that undoes what revoking does": (
        "CREATE TRIGGER undo AFTER UPDATE ON access_keys"
        " BEGIN UPDATE access_keys SET is_active = 1; END;",
        "trigger 'undo'",
    ),
    "a view without end in place of a table": (
        f"DROP TABLE access_keys; CREATE VIEW access_keys AS {ENDLESS};",
        "not a database of eyeclaw-trio",
    ),
    "a view beside the tables": (f"CREATE VIEW more_keys AS {ENDLESS};", "view 'more_keys'"),
    "a table of another make": (
        "PRAGMA foreign_keys = OFF; DROP TABLE bot_sessions;"
        " CREATE TABLE bot_sessions (number, x AS (hex(number)));",
        "table 'bot_sessions'",
    ),
    "an index on an expression": (
        "CREATE INDEX slow ON bots (length(hex(zeroblob(id))));",
        "index 'slow'",
    ),
    "a trigger whose name writes to the terminal": (
        "CREATE TRIGGER [\x1b[2J\u202e] AFTER INSERT ON bots BEGIN SELECT 1; END;",
        r"trigger '\\x1b\[2J\\u202e'",
    ),
    "a table that poses as statistics": (
        "CREATE TABLE t (tbl, idx, stat); PRAGMA writable_schema = ON;"
        " UPDATE sqlite_master SET name = 'sqlite_stat1', tbl_name = 'sqlite_stat1',"
        " sql = 'CREATE TABLE sqlite_stat1(tbl AS (1),idx,stat)' WHERE name = 't';",
        "table 'sqlite_stat1'",
    ),
    "a mark of another program": ("PRAGMA application_id = 7;", "not a database of eyeclaw-trio"),
    "a missing index": ("DROP INDEX access_keys_by_bot;", "lacks a part"),
}
# and data, which the reader would stumble over much later.
DATA = {
    "a number in place of a name": ("UPDATE bots SET name = x'00ff';", "damaged"),
    "a key of a bot that is not there": (
        "PRAGMA foreign_keys = OFF; UPDATE access_keys SET bot_id = 77;",
        "damaged",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a bot and a key."""
    data = tmp_path / "data"
    with opened(data) as db:
        add_bot(db, "home", now=NOON)
        create_key(db, "first", now=NOON)
    return data


def spoil(file: Path, script: str) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.executescript(script)


# --- backups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CODE | DATA)
def test_a_hostile_backup_is_refused_and_nothing_is_run_from_it(
    folder: Path, tmp_path: Path, case: str
) -> None:
    script, words = (CODE | DATA)[case]
    file = tmp_path / "copy"
    back_up(folder, file)
    spoil(file, script)
    before = file.read_bytes()
    with pytest.raises(StoreError, match=words) as caught:
        restore(folder, file, NOON)
    assert "\x1b" not in str(caught.value)
    assert file.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["eyeclaw.db"]
    with opened(folder) as db:
        assert revoke_key(db, 1).is_active is False


@pytest.mark.parametrize("case", CODE)
def test_a_data_folder_with_such_code_is_not_opened(folder: Path, case: str) -> None:
    script, words = CODE[case]
    spoil(folder / "eyeclaw.db", script)
    with pytest.raises(StoreError, match=words):
        open_database(folder)


def test_a_backup_that_was_analysed_is_good(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "copy")
    spoil(tmp_path / "copy", "ANALYZE")
    assert restore(folder, tmp_path / "copy", NOON).database.keys == 1


def test_looking_through_a_backup_has_an_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder) as db:
        for number in range(2_000):
            db.execute(
                "INSERT INTO bots (name, origin, created_at) VALUES (?, 'demo', '')", (str(number),)
            )
    back_up(folder, tmp_path / "copy")
    monkeypatch.setattr(backup, "CHECK_TIMEOUT", -1.0)
    with pytest.raises(StoreError, match="took too long"):
        check_database(tmp_path / "copy")


def test_what_is_no_file_is_no_backup(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "copy")
    with pytest.raises(StoreError, match="is not a file"):
        restore(folder, tmp_path / "copy", NOON)


def test_a_step_that_was_released_is_never_edited() -> None:
    # Word for word it is in the files of all who run it, and their schema is compared with it.
    assert [sha256(step.encode()).hexdigest()[:16] for step in STEPS] == [
        "e1dd57539b716cb4",
        "40cfc55e86da4d11",
        "01d0c2b661581fdd",
        "b43eede80bde9ee7",
        "6db37781dfc6fd0c",
        "d9a46f8da8b9060a",
        "9e521ba4ed138ca5",
        "24b52aafdb57944f",
        "7f7b4640a8d479ef",
    ]


# --- the database ---------------------------------------------------------------------------------


def test_an_empty_database_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "eyeclaw.db").touch()
    with pytest.raises(StoreError, match=r"eyeclaw\.db is empty.*restore.*remove it"):
        open_database(tmp_path)
    assert (tmp_path / "eyeclaw.db").read_bytes() == b""
    assert [path.name for path in tmp_path.iterdir()] == ["eyeclaw.db"]


def test_an_empty_database_is_kept_aside_for_a_backup(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "copy")
    (folder / "eyeclaw.db").write_bytes(b"")
    done = restore(folder, tmp_path / "copy", NOON)
    assert done.kept is not None
    assert done.kept.read_bytes() == b""
    with opened(folder) as db:
        assert [key.name for key in list_keys(db)] == ["first"]


@pytest.mark.parametrize("version", [0, 1, len(STEPS), 99])
def test_the_database_of_another_program_is_refused_and_left(tmp_path: Path, version: int) -> None:
    spoil(
        tmp_path / "eyeclaw.db",
        f"CREATE TABLE letters (a); INSERT INTO letters VALUES (1); PRAGMA user_version={version};",
    )
    before = (tmp_path / "eyeclaw.db").read_bytes()
    with pytest.raises(StoreError, match="not a database of eyeclaw-trio: move it away"):
        open_database(tmp_path)
    assert (tmp_path / "eyeclaw.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["eyeclaw.db"]


def test_a_log_without_its_database_is_not_played_into_a_new_one(folder: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from eyeclaw_trio.store.database import open_database\n"
        "from eyeclaw_trio.store.keys import create_key\n"
        "create_key(open_database(Path(sys.argv[1])), 'second', now=datetime.now(UTC))\n"
        "os._exit(0)\n"  # as when it is killed: the log stays
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
    copy = folder.parent / "copy"
    back_up(folder, copy)
    log = folder / "eyeclaw.db-wal"
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
    (folder / "eyeclaw.db").unlink()
    assert log.stat().st_size > 0
    with pytest.raises(StoreError, match=r"eyeclaw\.db-wal is there without"):
        open_database(folder)
    assert not (folder / "eyeclaw.db").exists()
    done = restore(folder, copy, NOON)
    assert done.database.keys == 2
    assert (folder / "eyeclaw.db.20260131T120000Z.bak-wal").exists()


def test_where_making_it_fails_no_half_of_a_database_is_left(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such table"):
        open_database(tmp_path, steps=[*STEPS, "DROP TABLE missing;\n"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_links_has_a_database_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with opened(tmp_path) as db:
        create_key(db, "first", now=NOON)
    assert [path.name for path in tmp_path.iterdir()] == ["eyeclaw.db"]
    assert stat.S_IMODE((tmp_path / "eyeclaw.db").stat().st_mode) == 0o600


# --- the folder -----------------------------------------------------------------------------------


def open_it(folder: Path) -> None:
    with opened(folder):
        pass


def hold_it(folder: Path) -> None:
    with hold_folder(folder):
        pass


@pytest.mark.parametrize("use", [open_it, hold_it])
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_folder_that_everybody_may_write_to_is_refused_and_left(
    tmp_path: Path, mode: int, use: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    with pytest.raises(StoreError, match=rf"open to everybody \(mode {mode:04o}\).*chmod o-w"):
        use(data)
    assert stat.S_IMODE(data.stat().st_mode) == mode
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o770, 0o2775])
def test_a_folder_that_a_group_may_write_to_is_used_as_it_is(tmp_path: Path, mode: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    hold_it(data)
    open_it(data)
    assert stat.S_IMODE(data.stat().st_mode) == mode
