"""A backup that waits for the next start: checked when it comes, restored before the next one."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eyeclaw_trio.errors import FolderInUse, StoreError
from eyeclaw_trio.store.admin_access import (
    add_session,
    find_session,
    list_sessions,
    set_password,
)
from eyeclaw_trio.store.backup import back_up
from eyeclaw_trio.store.bots import add_bot, list_bots
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.waiting_backup import (
    WAITING,
    forget_waiting,
    is_waiting,
    let_wait,
    part_of_waiting,
    restore_waiting,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def now() -> datetime:
    return NOW


def make(folder: Path, *names: str) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    with closing(open_database(folder)) as db:
        for name in names:
            add_bot(db, name, "echo", origin="command", now=NOW)


def names_in(folder: Path) -> list[str]:
    with closing(open_database(folder)) as db:
        return [bot.name for bot in list_bots(db)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the bot `new`, for which a backup with the bot `old` is received."""
    make(tmp_path / "before", "old")
    make(tmp_path / "data", "new")
    back_up(tmp_path / "before", part_of_waiting(tmp_path / "data"))
    return tmp_path / "data"


def test_a_backup_waits_and_is_restored_at_the_next_start(folder: Path) -> None:
    waiting = let_wait(folder)
    assert (waiting.bots, waiting.file.name) == (1, WAITING)
    assert is_waiting(folder)
    assert names_in(folder) == ["new"]
    done = restore_waiting(folder, now)
    assert done is not None
    assert done.kept is not None
    assert names_in(folder) == ["old"]
    assert not is_waiting(folder)
    assert not part_of_waiting(folder).exists()
    assert restore_waiting(folder, now) is None


def sign_in(folder: Path) -> str:
    """The secret of a session that would last for long."""
    with closing(open_database(folder)) as db:
        set_password(db, "kept", now=NOW)
        secret = add_session(
            db, "kept", address="::1", browser="B", running_time=0.0, lasts=1e6, now=NOW
        )
    assert secret is not None
    return secret


def test_a_restored_backup_signs_nobody_in_though_its_sessions_were_open(tmp_path: Path) -> None:
    make(tmp_path / "before", "old")
    make(tmp_path / "data", "new")
    secrets = [sign_in(tmp_path / name) for name in ("before", "data")]
    back_up(tmp_path / "before", part_of_waiting(tmp_path / "data"))
    let_wait(tmp_path / "data")
    assert restore_waiting(tmp_path / "data", now) is not None
    with closing(open_database(tmp_path / "data")) as db:
        assert [find_session(db, secret, 0.0) for secret in secrets] == [None, None]
        assert list_sessions(db, 0.0) == []


def test_it_waits_on_while_a_gateway_runs_on_the_folder(folder: Path) -> None:
    let_wait(folder)
    with hold_folder(folder), pytest.raises(FolderInUse):
        restore_waiting(folder, now)
    assert is_waiting(folder)
    assert names_in(folder) == ["new"]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_backup_of_ours_is_refused_when_it_comes(folder: Path, content: bytes) -> None:
    part_of_waiting(folder).write_bytes(content)
    with pytest.raises(StoreError):
        let_wait(folder)
    assert not is_waiting(folder)
    assert not part_of_waiting(folder).exists()


def test_a_refused_one_leaves_what_waited_before(folder: Path) -> None:
    let_wait(folder)
    part_of_waiting(folder).write_bytes(b"no database")
    with pytest.raises(StoreError):
        let_wait(folder)
    restore_waiting(folder, now)
    assert names_in(folder) == ["old"]


def test_one_that_broke_while_it_waited_is_put_aside_and_the_folder_stays(folder: Path) -> None:
    let_wait(folder)
    (folder / WAITING).write_bytes(b"rotten")
    assert restore_waiting(folder, now) is None
    assert not is_waiting(folder)
    assert (folder / f"{WAITING}.refused").read_bytes() == b"rotten"
    assert names_in(folder) == ["new"]


def test_a_wish_can_be_taken_back(folder: Path) -> None:
    assert not forget_waiting(folder)
    let_wait(folder)
    assert forget_waiting(folder)
    assert restore_waiting(folder, now) is None
    assert names_in(folder) == ["new"]
