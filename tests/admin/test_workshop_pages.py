"""The pages about the gateway itself: in both languages, for the owner and for nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from pages_client import open_pages
from workshop_fakes import FakeTryIt

from eyeclaw_trio.admin.words import CATALOGUE

PAGES = ["try", "providers", "settings", "health", "log", "backup"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_page_is_there_in_both_languages_and_for_the_owner_only(
    tmp_path: Path, page: str, language: str
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        browser.cookies["eyeclaw_language"] = language
        shown = await browser.get(f"/admin/{page}")
        assert shown.status == 200
        key = {"try": "try.title"}.get(page, f"{page}.title")
        assert f"<h1>{CATALOGUE[key][language == 'zh']}</h1>" in shown.text
        assert 'action="/admin/logout"' in shown.text
        stranger = await pages.browser().get(f"/admin/{page}")
        assert stranger.location == f"/admin/login?next=/admin/{page}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/try"),
        ("POST", "/admin/api/try"),
        ("POST", "/admin/providers/check"),
        ("POST", "/admin/api/providers/echo/check"),
        ("POST", "/admin/settings"),
        ("PUT", "/admin/api/settings/patience.keepalive"),
        ("GET", "/admin/api/backup"),
        ("PUT", "/admin/api/backup"),
        ("DELETE", "/admin/api/backup"),
        ("POST", "/admin/backup/forget"),
        ("GET", "/admin/api/log"),
    ],
)
async def test_another_site_does_nothing_here_whoever_is_signed_in(
    tmp_path: Path, method: str, path: str
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        browser.site = "cross-site"
        assert (await browser.ask(method, path, b"{}")).status == 403
        browser.site = None
        assert (await browser.ask(method, path, b"{}", origin="http://evil.example")).status == 403
        try_it = cast(FakeTryIt, pages.workshop.try_it)
        assert not try_it.asked
