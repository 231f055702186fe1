"""Getting in: the first visit, signing in, the brake on guessing, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages_client import PASSWORD, open_pages


async def test_the_first_visit_sets_the_password_and_lets_in(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = pages.browser()
        assert (await browser.get("/admin/")).location == "/admin/setup"
        assert (await browser.get("/admin/login")).location == "/admin/setup"
        assert "setup" in (await browser.get("/admin/setup")).text
        unequal = await browser.post("/admin/setup", {"password": PASSWORD, "again": "other"})
        assert unequal.status == 400
        short = await browser.post("/admin/setup", {"password": "1234567"})
        assert short.status == 400
        assert not await pages.doorkeeper.has_owner()
        made = await browser.post("/admin/setup", {"password": PASSWORD, "again": PASSWORD})
        assert (made.status, made.location) == (303, "/admin/")
        cookie = made.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/admin" in cookie
        assert (await browser.get("/admin/")).status == 200
        assert (await pages.browser().get("/admin/setup")).location == "/admin/"


async def test_a_password_is_set_once_and_nobody_sets_it_again(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        thief = pages.browser()
        again = await thief.post("/admin/setup", {"password": "another password"})
        assert again.location == "/admin/login"
        assert (await thief.post("/admin/login", {"password": "another password"})).status == 401


async def test_signing_in_leads_back_to_the_page_that_was_wanted(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        browser = pages.browser()
        asked = await browser.get("/admin/sessions?a=b")
        assert asked.location == "/admin/login?next=/admin/sessions%3Fa%3Db"
        form = (await browser.get(asked.location)).text
        assert 'value="/admin/sessions?a=b"' in form
        answer = await browser.post(
            "/admin/login", {"password": PASSWORD, "next": "/admin/sessions?a=b"}
        )
        assert answer.location == "/admin/sessions?a=b"


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example/", "https://evil.example", "/\\evil.example", "/admin/\\x", "/admin/\r\nX: y"],
)
async def test_signing_in_leads_nowhere_else(tmp_path: Path, wanted: str) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        answer = await pages.browser().post("/admin/login", {"password": PASSWORD, "next": wanted})
        assert answer.location == "/admin/"


async def test_signing_out_ends_the_session_and_not_only_its_cookie(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        kept = dict(browser.cookies)
        assert (await browser.post("/admin/logout")).location == "/admin/login"
        assert browser.cookies == {}
        assert (await pages.browser(cookies=kept).get("/admin/")).status == 303
