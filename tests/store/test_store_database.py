"""The database file: private, migrated after a copy was kept, its errors in our words."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from store_helpers import NOON, count_traces, opened, write_first_key

from eyeclaw_trio.errors import StoreBusy, StoreError
from eyeclaw_trio.store.database import is_forbidden, open_database, transaction
from eyeclaw_trio.store.keys import create_key, list_keys
from eyeclaw_trio.store.schema import STEPS

INSERT = "INSERT INTO bots (name, origin, created_at) VALUES (?, ?, '')"
ADD_TABLE = "CREATE TABLE later (id INTEGER PRIMARY KEY);\nINSERT INTO later VALUES (7);\n"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        return version


def test_the_folder_and_every_file_in_it_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    before = os.umask(0)
    try:
        with opened(folder) as db:
            create_key(db, "glasses", now=NOON)
            modes = {path.name: mode_of(path) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert mode_of(folder) == 0o700
    assert modes == {"eyeclaw.db": 0o600, "eyeclaw.db-wal": 0o600, "eyeclaw.db-shm": 0o600}


def test_a_file_that_others_could_read_is_made_private_again(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    (tmp_path / "eyeclaw.db").chmod(0o644)
    with opened(tmp_path):
        assert mode_of(tmp_path / "eyeclaw.db") == 0o600


def test_a_new_database_has_the_pragmas_that_were_promised(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert db.execute("PRAGMA busy_timeout").fetchone() == (5000,)
        assert db.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
        assert db.isolation_level is None
    assert not list(tmp_path.glob("*.bak"))


def test_an_older_database_is_migrated_after_a_private_copy_was_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        create_key(db, "before", now=NOON)
    with closing(open_database(tmp_path, steps=[*STEPS, ADD_TABLE])) as db:
        assert db.execute("SELECT id FROM later").fetchall() == [(7,)]
        assert [key.name for key in list_keys(db)] == ["before"]
    copy = tmp_path / f"eyeclaw.db.v{len(STEPS)}.bak"
    assert version_of(tmp_path / "eyeclaw.db") == len(STEPS) + 1
    assert version_of(copy) == len(STEPS)
    assert mode_of(copy) == 0o600
    with closing(sqlite3.connect(copy)) as db:
        assert [key.name for key in list_keys(db)] == ["before"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["eyeclaw.db", copy.name]


def test_the_first_schema_of_all_is_brought_to_the_present_one_with_its_data(
    tmp_path: Path,
) -> None:
    with closing(open_database(tmp_path, steps=STEPS[:1])) as db:
        write_first_key(db, "before")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            count_traces(db)
    with opened(tmp_path) as db:
        assert [key.name for key in list_keys(db)] == ["before"]
        assert count_traces(db) == 0
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    copies = {path.name: version_of(path) for path in tmp_path.glob("*.bak")}
    assert copies == {"eyeclaw.db.v1.bak": 1}


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        create_key(db, "before", now=NOON)
    with pytest.raises(StoreError, match="no such table"):
        open_database(tmp_path, steps=[*STEPS, ADD_TABLE + "DROP TABLE missing;\n"])
    with opened(tmp_path) as db:
        assert [key.name for key in list_keys(db)] == ["before"]
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    assert "later" not in tables


def test_a_migration_that_leaves_a_key_without_its_bot_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    orphan = (
        "INSERT INTO access_keys (name, prefix, digest, bot_id, created_at)"
        " VALUES ('a', 'ak_', x'00', 9, '');\n"
    )
    with pytest.raises(StoreError, match="cannot be brought to schema"):
        open_database(tmp_path, steps=[*STEPS, orphan])
    with opened(tmp_path) as db:
        assert list_keys(db) == ()


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with closing(open_database(tmp_path, steps=[*STEPS, ADD_TABLE])):
        pass
    before = (tmp_path / "eyeclaw.db").read_bytes()
    with pytest.raises(StoreError, match=r"newer version.*update eyeclaw-trio"):
        open_database(tmp_path)
    assert (tmp_path / "eyeclaw.db").read_bytes() == before


def test_many_processes_may_make_the_database_at_the_same_time(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from eyeclaw_trio.store.database import open_database\n"
        "from eyeclaw_trio.store.keys import create_key\n"
        "sys.stdin.read()\n"
        "create_key(open_database(Path(sys.argv[1])), 'k', now=datetime.now(UTC))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(6)]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()  # all begin now
    assert [child.wait(30) for child in children] == [0] * 6
    with opened(tmp_path / "data") as db:
        assert [key.id for key in list_keys(db)] == [1, 2, 3, 4, 5, 6]


def test_what_is_not_a_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "eyeclaw.db").write_bytes(b"this is a letter, not a database\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_database(tmp_path)


def test_a_folder_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match=r"data cannot be used.*--data"):
        open_database(tmp_path / "data")


def test_a_database_that_another_connection_holds_is_busy_and_not_broken(tmp_path: Path) -> None:
    with opened(tmp_path) as other, opened(tmp_path) as db:
        db.execute("PRAGMA busy_timeout = 10")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy, match="another process holds it"), transaction(db):
            pass
        assert list_keys(db) == ()  # reading waits for nobody
        other.execute("ROLLBACK")
        with transaction(db):
            pass


def test_a_transaction_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        with suppress(ZeroDivisionError), transaction(db):
            db.execute(INSERT, ("a", "demo"))
            raise ZeroDivisionError
        assert not db.in_transaction
        assert db.execute("SELECT count(*) FROM bots").fetchone() == (0,)


def test_an_error_of_sqlite_tells_no_value(tmp_path: Path) -> None:
    def insert_twice(db: sqlite3.Connection) -> None:
        with transaction(db):
            db.execute(INSERT, ("bt_secret", "demo"))
            db.execute(INSERT, ("bt_secret", "demo"))

    with opened(tmp_path) as db, pytest.raises(StoreError) as caught:
        insert_twice(db)
    assert "bots.name" in str(caught.value)
    assert "bt_secret" not in str(caught.value)


def test_who_may_not_write_is_told_from_what_is_damaged(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as db:
        db.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError) as forbidden, transaction(db):
            db.execute("DELETE FROM bots")
    assert is_forbidden(forbidden.value)
    (tmp_path / "eyeclaw.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError) as damaged:
        open_database(tmp_path)
    assert not is_forbidden(damaged.value)
    assert not is_forbidden(StoreError("of another kind"))
