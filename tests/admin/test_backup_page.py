"""Backups: taken, and brought back for the next start."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages_client import Pages, open_pages

from eyeclaw_trio.store.backup import back_up
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.waiting_backup import is_waiting


async def add(pages: Pages, name: str = "home") -> None:
    await pages.store.run(lambda db: add_bot(db, name, None, now=read_clock()))


async def test_a_backup_that_was_taken_can_be_brought_back(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await add(pages)
        browser = await pages.signed_in()
        taken = await browser.get("/admin/api/backup")
        assert taken.status == 200
        assert taken.headers["content-type"] == "application/vnd.sqlite3"
        assert taken.headers["content-length"] == str(len(taken.body))
        assert taken.body.startswith(b"SQLite format 3\0")
        brought = await browser.ask("PUT", "/admin/api/backup", taken.body)
        assert brought.status == 201
        assert brought.json["bots"] == 1
        assert is_waiting(tmp_path)
        shown = (await browser.get("/admin/backup")).text
        assert "Waits for the next start: 1 bots" in shown
        forgotten = await browser.post("/admin/backup/forget")
        assert forgotten.location == "/admin/backup"
        assert not is_waiting(tmp_path)
        assert 'data-testid="waiting"' not in (await browser.get("/admin/backup")).text
        assert not [each.name for each in tmp_path.iterdir() if "backup" in each.name]


@pytest.mark.parametrize("body", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
async def test_what_is_no_backup_is_refused_and_nothing_waits(tmp_path: Path, body: bytes) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        refused = await browser.ask("PUT", "/admin/api/backup", body)
        assert refused.status == 400
        assert not is_waiting(tmp_path)
        assert (await browser.ask("DELETE", "/admin/api/backup")).status == 204


async def test_a_folder_without_room_gives_no_backup_and_says_so(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        back_up(tmp_path, tmp_path / "other.db")
        (tmp_path / "page-backup.db").mkdir()  # so that the copy cannot be put there
        assert (await browser.get("/admin/api/backup")).status == 400
        (tmp_path / "page-backup.db").rmdir()
        assert (await browser.get("/admin/api/backup")).status == 200
