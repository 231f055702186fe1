"""Getting in: the first visit, signing in, the brake on guessing, and what is refused."""

from __future__ import annotations

import re
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trio
from pages_client import PASSWORD, open_pages
from trio.testing import MockClock

from eyeclaw_trio.admin.passwords import hash_password
from eyeclaw_trio.admin.sessions import make_setup_code
from eyeclaw_trio.store import admin_access
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database


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


async def test_the_setup_code_is_needed_where_one_was_printed(tmp_path: Path) -> None:
    async with open_pages(tmp_path, setup_code="abcde-fghij") as pages:
        browser = pages.browser()
        assert 'name="code"' in (await browser.get("/admin/setup")).text
        for code in ({}, {"code": ""}, {"code": "abcde-fghik"}, {"code": "é"}):
            refused = await browser.post("/admin/setup", {"password": PASSWORD, **code})
            assert refused.status == 401
        assert not await pages.doorkeeper.has_owner()
        made = await browser.post("/admin/setup", {"password": PASSWORD, "code": " abcde-fghij "})
        assert made.status == 303


def test_setup_codes_differ_and_are_easy_to_type() -> None:
    codes = {make_setup_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(re.fullmatch(r"[2-9a-z]{5}-[2-9a-z]{5}", code) for code in codes)


async def test_the_eleventh_guess_of_an_address_is_not_even_looked_at(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with open_pages(tmp_path) as pages:
        owner = await pages.signed_in()
        guesser = pages.browser(address="192.0.2.1")
        for _ in range(10):
            answer = await guesser.post("/admin/login", {"password": "wrong"})
            assert answer.status == 401
        right = await guesser.post("/admin/login", {"password": PASSWORD})
        assert (right.status, right.headers["retry-after"]) == (429, "60")
        assert guesser.cookies == {}
        assert (await owner.get("/admin/")).status == 200
        await pages.signed_in(address="192.0.2.2")
        mock_clock.jump(59.0)
        late = await guesser.post("/admin/login", {"password": PASSWORD})
        assert (late.status, late.headers["retry-after"]) == (429, "1")
        mock_clock.jump(2.0)
        assert (await guesser.post("/admin/login", {"password": PASSWORD})).status == 303


async def test_guesses_at_once_are_no_more_than_guesses_in_a_row(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        guesser = pages.browser(address="192.0.2.1")
        statuses: list[int] = []

        async def guess() -> None:
            statuses.append((await guesser.post("/admin/login", {"password": "wrong"})).status)

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(guess)
        assert sorted(statuses) == [401] * 10 + [429] * 30


async def test_guessing_the_setup_code_is_braked_too(tmp_path: Path) -> None:
    async with open_pages(tmp_path, setup_code="abcde-fghij") as pages:
        browser = pages.browser()
        form = {"password": PASSWORD, "code": "wrong"}
        for _ in range(10):
            assert (await browser.post("/admin/setup", form)).status == 401
        form["code"] = "abcde-fghij"
        assert (await browser.post("/admin/setup", form)).status == 429
        assert not await pages.doorkeeper.has_owner()


async def test_a_new_password_ends_every_session(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        first, second = await pages.signed_in(), await pages.signed_in()
        kept = hash_password("another password")
        with closing(open_database(tmp_path)) as db:  # as the command does, beside this process
            assert admin_access.set_password(db, kept, now=read_clock()) == 2
        for browser in (first, second):
            assert (await browser.get("/admin/")).status == 303
            assert (await browser.get("/admin/api/status")).status == 401
        assert (await first.post("/admin/login", {"password": PASSWORD})).status == 401
        assert (await first.post("/admin/login", {"password": "another password"})).status == 303


async def test_a_password_changed_while_the_old_one_was_looked_at_lets_nobody_in(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        old = await pages.store.read(admin_access.read_password)
        assert old is not None
        kept = hash_password("another password")
        await pages.store.run(lambda db: admin_access.set_password(db, kept, now=read_clock()))
        secret = await pages.store.run(
            lambda db: admin_access.add_session(
                db, old, address="", browser="", running_time=0.0, lasts=60.0, now=read_clock()
            )
        )
        assert secret is None


async def test_a_session_ends_when_its_hours_are_over(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        pages.doorkeeper.session_seconds = 3_600.0
        browser = await pages.signed_in()
        secret, now = browser.cookies["eyeclaw_session"], pages.store.running_time
        for age, is_there in ((0.0, True), (3_590.0, True), (3_610.0, False)):
            find = partial(admin_access.find_session, secret=secret, running_time=now + age)
            found = await pages.store.read(find)
            assert (found is not None) == is_there


async def test_browsers_are_listed_and_one_can_be_signed_out_by_another(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        first = await pages.signed_in()
        second = await pages.signed_in(address="192.0.2.2")
        listed = (await first.get("/admin/api/sessions")).json
        assert [each["address"] for each in listed] == ["192.0.2.2", "127.0.0.1"]
        page = (await first.get("/admin/sessions")).text
        assert all(f'data-session-id="{each["id"]}"' in page for each in listed)
        ended = await first.post(f"/admin/sessions/{listed[0]['id']}/end")
        assert ended.location == "/admin/sessions"
        assert (await second.get("/admin/")).status == 303
        assert (await first.post(f"/admin/sessions/{listed[0]['id']}/end")).status == 404
        assert (await first.post(f"/admin/sessions/{10**30}/end")).status == 404


async def test_there_are_never_more_than_so_many_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_access, "SESSIONS", 2)
    async with open_pages(tmp_path) as pages:
        browsers = [await pages.signed_in() for _ in range(3)]
        seen = [(await browser.get("/admin/")).status for browser in browsers]
        assert seen == [303, 200, 200]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"password=" + b"x" * 100_000, "application/x-www-form-urlencoded", 413),
        (b"password=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(200)), "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data; boundary=x", 415),
        (b"password=", "application/x-www-form-urlencoded; charset=utf-8", 401),
        (b"", "application/x-www-form-urlencoded", 401),
    ],
)
async def test_a_form_that_is_none_is_refused(
    tmp_path: Path, body: bytes, kind: str, status: int
) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        answer = await pages.browser().ask("POST", "/admin/login", body, content_type=kind)
        assert answer.status == status


async def test_what_a_browser_calls_itself_is_shown_harmlessly(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        other = pages.browser()
        await other.post(
            "/admin/login", {"password": PASSWORD}, user_agent='<script>"onload=\x1b[31m' * 1_000
        )
        listed = (await browser.get("/admin/api/sessions")).json
        assert len(listed[0]["browser"]) <= 200
        page = (await browser.get("/admin/sessions")).text
        assert "<script>" not in page
        assert "\x1b" not in page
        assert "&lt;script&gt;&#34;onload=" in page


async def test_the_language_and_colours_that_are_chosen_are_kept(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        page = (await browser.get("/admin/", accept_language="zh-CN,zh;q=0.9,en;q=0.8")).text
        assert "一切正常" in page or "没有在线" in page
        answer = await browser.post(
            "/admin/preferences", {"language": "en", "theme": "dark", "back": "/admin/sessions"}
        )
        assert answer.location == "/admin/sessions"
        page = (await browser.get("/admin/", accept_language="zh-CN")).text
        assert 'lang="en" data-theme="dark"' in page
        for wrong in ({"language": "fr"}, {"theme": "<script>"}):
            assert (await browser.post("/admin/preferences", wrong)).status == 400
        evil = await browser.post("/admin/preferences", {"back": "https://evil.example"})
        assert evil.location == "/admin/"


async def test_a_form_that_outlived_its_session_leads_back_to_its_page(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        stranger = pages.browser()
        for referer, location in (
            ("http://HOST/admin/bots/1?span=week", "/admin/login?next=/admin/bots/1%3Fspan%3Dweek"),
            ("http://HOST/admin/", "/admin/login"),
            ("http://evil.example/admin/bots", "/admin/login"),
            ("http://[", "/admin/login"),
            ("", "/admin/login"),
        ):
            referer = referer.replace("HOST", "127.0.0.1:8002")
            asked = await stranger.post("/admin/bots", {"name": "x"}, referer=referer)
            assert (asked.status, asked.location) == (303, location)
