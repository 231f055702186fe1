"""Folders as every older program has left them: brought to the present, and back by the backup.

`older/schema_N.sql` is what the program of schema N wrote itself: a key, a bot, and from the second
on the traces of two questions. Who adds a step adds the one of before it.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from attrs import frozen
from store_helpers import NOON, newest_traces, opened

from eyeclaw_trio.errors import StoreError
from eyeclaw_trio.store.backup import back_up, check_database, restore
from eyeclaw_trio.store.bots import list_bots
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.keys import list_keys
from eyeclaw_trio.store.schema import STEPS
from eyeclaw_trio.store.traces import get_trace

DUMPS = Path(__file__).parent / "older"
VERSIONS = sorted(int(path.stem.removeprefix("schema_")) for path in DUMPS.iterdir())


@frozen
class Older:
    """A folder of that schema, the key that opens it, and how many traces it holds."""

    folder: Path
    version: int
    key: str
    traces: int

    @classmethod
    def lay(cls, folder: Path, version: int) -> Older:
        dump = (DUMPS / f"schema_{version}.sql").read_text("utf-8")
        [key] = re.findall(r"^-- The key: (ak_\S+)$", dump, re.MULTILINE)
        folder.mkdir(mode=0o700)
        with closing(sqlite3.connect(folder / "eyeclaw.db")) as db:
            db.executescript(dump)
        return cls(folder, version, key, 2 if version > 1 else 0)

    def assert_is_kept(self) -> None:
        """Key, bot and traces are there, in the present schema."""
        with opened(self.folder) as db:
            assert [each.name for each in list_keys(db)] == ["glasses"]
            digests = [row[0] for row in db.execute("SELECT digest FROM access_keys")]
            assert digests == [hashlib.sha256(self.key.encode()).digest()]
            assert [each.name for each in list_bots(db)] == ["home"]
            traces = newest_traces(db)
            assert [each.outcome for each in traces] == ["offline"] * self.traces
            for each in traces:
                first = get_trace(db, each.trace_id).events[0]
                assert first["type"] == "request_received"
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA user_version").fetchone() == (len(STEPS),)


@pytest.fixture(params=VERSIONS)
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Older:
    return Older.lay(tmp_path / "data", request.param)


def test_there_is_a_folder_of_every_schema_before_this_one() -> None:
    assert VERSIONS[: len(STEPS) - 1] == list(range(1, len(STEPS)))


def test_an_upgrade_keeps_keys_bots_and_traces_and_one_copy_of_what_was_before(
    older: Older,
) -> None:
    older.assert_is_kept()
    copies = [path.name for path in older.folder.glob("*.bak")]
    assert copies == ([f"eyeclaw.db.v{older.version}.bak"] if older.version < len(STEPS) else [])


def test_a_backup_of_an_older_folder_is_restored_into_the_present_program(older: Older) -> None:
    made = back_up(older.folder, older.folder.parent / "backup")
    assert (made.schema, made.keys, made.bots) == (older.version, 1, 1)
    there = Older(older.folder.parent / "new", older.version, older.key, older.traces)
    restore(there.folder, older.folder.parent / "backup", NOON)
    there.assert_is_kept()


def test_the_way_back_is_the_backup_of_before(older: Older) -> None:
    steps, backup = STEPS[: older.version], older.folder.parent / "backup"
    back_up(older.folder, backup)
    older.assert_is_kept()
    if older.version < len(STEPS):
        before = (older.folder / "eyeclaw.db").read_bytes()
        # The first three schemas do not say whose they are; their own programs look at the number.
        why = "newer version.*update" if older.version > 3 else "not a database of eyeclaw-trio"
        with pytest.raises(StoreError, match=why):
            open_database(older.folder, steps=steps)
        assert (older.folder / "eyeclaw.db").read_bytes() == before
    for path in older.folder.iterdir():
        path.unlink()
    backup.rename(older.folder / "eyeclaw.db")
    with closing(open_database(older.folder, steps=steps)):
        pass
    assert check_database(older.folder / "eyeclaw.db").schema == older.version
