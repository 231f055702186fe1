"""The guard before the pages: other sites, other names, nobody, and what a browser is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages_client import HOST, PASSWORD, Answer, open_pages

from eyeclaw_trio.admin import site
from eyeclaw_trio.admin.settings import AdminSettings
from eyeclaw_trio.store import admin_access
from eyeclaw_trio.store.columns import read_clock

ROUTES = [
    *(route for page in site.PAGES for route in page.routes),
    *(route for resource in site.RESOURCES for route in resource.routes),
]
EVERYWHERE = [
    (method, route.path)
    for route in ROUTES
    for method in sorted((route.methods or set()) - {"HEAD"})
]


def filled(path: str) -> str:
    """A path of a route with something in place of what is free in it."""
    while "{" in path:
        head, _, rest = path.partition("{")
        name, _, tail = rest.partition("}")
        path = f"{head}{'1' if name.endswith(':int') else 'x'}{tail}"
    return path


async def test_nobody_sees_or_does_anything(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        assert len(EVERYWHERE) > 10
        for method, path in EVERYWHERE:
            answer = await pages.browser().ask(method, filled(path))
            assert_sent_away(answer, path)


def assert_sent_away(answer: Answer, path: str) -> None:
    if path.startswith("/admin/api/"):
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json == {"error": "Sign in, or send a token", "detail": None}
    else:
        assert answer.status == 303
        assert answer.location.startswith("/admin/login")


FOREIGN = [
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"sec_fetch_site": "nonsense"},
    {"sec_fetch_site": "cross-site", "origin": f"http://{HOST}"},
    {"origin": "https://evil.example"},
    {"origin": "http://127.0.0.1:8003"},
    {"origin": "http://127.0.0.1"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": f"http://{HOST}.evil.example"},
    {"origin": f"http://x@{HOST}"},
    {"origin": f"file://{HOST}"},
    {"origin": "http://127.0.0.1:x"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/admin/logout", "/admin/sessions/tokens", "/admin/preferences"])
async def test_what_another_site_has_a_browser_post_is_refused(
    tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in(site=None)
        assert (await browser.post(path, {"name": "evil"}, **headers)).status == 403
        assert (await browser.get("/admin/")).status == 200  # still signed in
        assert await pages.store.read(admin_access.list_tokens) == []


@pytest.mark.parametrize("headers", FOREIGN)
async def test_the_api_answers_no_other_site_not_even_for_reading(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in(site=None)
        refused = await browser.get("/admin/api/status", **headers)
        assert refused.status == 403
        assert refused.json["error"] == "Another site has asked"


@pytest.mark.parametrize("headers", FOREIGN)
async def test_another_site_cannot_make_the_first_visit_nor_guess(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = pages.browser(site=None)
        form = {"password": "password of evil"}
        assert (await browser.post("/admin/setup", form, **headers)).status == 403
        assert not await pages.doorkeeper.has_owner()
        assert (await browser.post("/admin/login", form, **headers)).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": f"http://{HOST}"},
        {"origin": f"HTTP://{HOST}"},
        {},  # no browser at all
    ],
)
async def test_what_our_own_pages_and_programs_post_is_done(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in(site=None)
        answer = await browser.post("/admin/sessions/tokens", {"name": "mine"}, **headers)
        assert answer.status == 200
        assert [each.name for each in await pages.store.read(admin_access.list_tokens)] == ["mine"]


async def test_a_link_on_another_site_may_lead_to_a_page(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        browser.site = "cross-site"
        assert (await browser.get("/admin/")).status == 200


@pytest.mark.parametrize("path", ["/metrics", "/health", "/", "/admin/login", "/admin/api/status"])
async def test_a_name_that_is_not_ours_is_answered_by_nothing(tmp_path: Path, path: str) -> None:
    async with open_pages(tmp_path, AdminSettings(("eyeclaw.example",))) as pages:
        browser = await pages.signed_in()
        assert (await browser.get(path, host="evil.example:8002")).status == 421
        assert (await browser.get(path, host="eyeclaw.example")).status in (200, 303, 307)


async def test_scrapers_need_no_session(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        for path in ("/metrics", "/health"):
            assert (await pages.browser(site=None).get(path)).status == 200


async def test_every_answer_says_what_a_browser_may_do_with_it(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        answers = [
            await browser.get("/admin/"),
            await browser.get("/admin/nothing"),
            await browser.get("/admin/api/nothing"),
            await browser.get("/admin/api/status"),
            await browser.get("/metrics"),
            await browser.get("/"),
            await browser.get("/admin/", host="evil.example"),
            await browser.post("/admin/logout", sec_fetch_site="cross-site"),
            await browser.post("/admin/logout"),
            await pages.browser().get("/admin/login"),
            await pages.browser().get("/admin/static/page.js"),
        ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "data:" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    kept = [answer.headers["cache-control"] for answer in answers]
    assert kept == ["no-store"] * 10 + ["no-cache"]


async def test_a_fault_of_a_page_is_answered_in_the_same_way(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        pages.now.turns = None  # type: ignore[assignment]  # which the page cannot show
        answer = await browser.get("/admin/api/status")
    assert answer.status == 500
    assert answer.json == {"error": "Internal error", "detail": None}
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_session_that_somebody_else_chose_is_never_taken(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        victim = pages.browser(cookies={"eyeclaw_session": "chosen-by-a-thief"})
        assert (await victim.get("/admin/")).status == 303
        await victim.post("/admin/login", {"password": PASSWORD})
        assert victim.cookies["eyeclaw_session"] != "chosen-by-a-thief"
        thief = pages.browser(cookies={"eyeclaw_session": "chosen-by-a-thief"})
        assert (await thief.get("/admin/")).status == 303


async def test_signing_in_again_ends_the_session_that_was_there(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        before = dict(browser.cookies)
        await browser.post("/admin/login", {"password": PASSWORD})
        assert browser.cookies != before
        assert (await pages.browser(cookies=before).get("/admin/")).status == 303
        assert (await browser.get("/admin/")).status == 200


@pytest.mark.parametrize("cookie", ["", "x" * 10_000, "é", "\x7f", "a=b", '"'])
async def test_a_cookie_that_is_none_of_ours_is_nobodys(tmp_path: Path, cookie: str) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.signed_in()
        browser = pages.browser()
        answer = await browser.get("/admin/", cookie=f"eyeclaw_session={cookie}")
        assert answer.status == 303


async def test_a_token_opens_the_api_and_no_page_until_it_is_revoked(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        token, secret = await pages.store.run(
            lambda db: admin_access.create_token(db, "script", now=read_clock())
        )
        script = pages.browser(site=None)
        bearer = f"Bearer {secret}"
        assert (await script.get("/admin/api/status", authorization=bearer)).status == 200
        lower = await script.get("/admin/api/status", authorization=f"bearer  {secret} ")
        assert lower.status == 200
        assert (await script.get("/admin/", authorization=bearer)).status == 303
        for wrong in (f"Bearer {secret}x", "Bearer ", "Bearer", f"Basic {secret}", secret):
            assert (await script.get("/admin/api/status", authorization=wrong)).status == 401
        await pages.store.run(lambda db: admin_access.revoke_token(db, token.id))
        assert (await script.get("/admin/api/status", authorization=bearer)).status == 401


async def test_the_cookie_is_secure_where_the_browser_speaks_tls(tmp_path: Path) -> None:
    settings = AdminSettings(("eyeclaw.example",))
    async with open_pages(tmp_path, settings) as pages:
        answer = await pages.browser(site=None).post(
            "/admin/setup",
            {"password": PASSWORD},
            host="eyeclaw.example",
            origin="https://eyeclaw.example",
        )
        assert answer.status == 303
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "name", ["nothing.css", "..%2Fsite.py", "../site.py", "style.css/", "Style.css", ""]
)
async def test_only_the_pages_own_files_are_given_out(tmp_path: Path, name: str) -> None:
    async with open_pages(tmp_path) as pages:
        answer = await pages.browser().get(f"/admin/static/{name}")
        assert answer.status == 404
