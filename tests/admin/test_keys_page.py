"""The page of access keys, and the same for scripts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pages_client import Browser, open_pages

from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.columns import read_clock


def add(db: Any, name: str, provider: str | None = None) -> int:
    return add_bot(db, name, provider, now=read_clock())[0].id


async def ask_json(browser: Browser, method: str, path: str, body: object = None) -> Any:
    """What the API answers to this."""
    sent = b"" if body is None else json.dumps(body).encode()
    answer = await browser.ask(method, path, sent, content_type="application/json")
    assert answer.status in (200, 201), answer.text
    return answer.json


def shown_key(text: str) -> str:
    """The key that a page shows this once."""
    found: set[str] = set(re.findall(r'data-copy="(ak_[\w-]+)"', text))
    assert len(found) == 1
    return found.pop()


async def test_a_key_is_made_for_a_bot_and_shown_once_with_the_fields_of_the_platforms_form(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        bot_id = await pages.store.run(lambda db: add(db, "home"))
        browser = await pages.signed_in()
        made = await browser.post("/admin/keys", {"name": "<glasses>", "bot_id": str(bot_id)})
        assert made.status == 200
        secret = shown_key(made.text)
        key = pages.store.directory.find_key(secret)
        assert key is not None
        assert (key.name, key.bot_id) == ("<glasses>", bot_id)
        assert 'data-copy="http://127.0.0.1:8001/sse/rokid"' in made.text
        assert "智能体鉴权 AK" in made.text
        assert "&lt;glasses&gt;" in made.text
        again = await browser.get("/admin/keys")
        assert secret not in again.text
        assert f'data-key-id="{key.id}" data-active="true"' in again.text


async def test_a_key_is_revoked_restored_limited_and_replaced(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        bot_id = await pages.store.run(lambda db: add(db, "home"))
        browser = await pages.signed_in()
        old = shown_key((await browser.post("/admin/keys", {"name": "glasses"})).text)

        def opens(secret: str) -> bool:
            return pages.store.directory.find_key(secret) is not None

        assert (await browser.post("/admin/keys/1/revoke")).location == "/admin/keys"
        assert not opens(old)
        await browser.post("/admin/keys/1/restore")
        assert opens(old)
        await browser.post("/admin/keys/1/limit", {"bot_id": str(bot_id)})
        assert pages.store.directory.keys[0].bot_id == bot_id
        replaced = await browser.post("/admin/keys/1/rotate", {"grace": "3600"})
        new = shown_key(replaced.text)
        assert opens(old)
        assert opens(new)
        assert "The old key opens until" in replaced.text
        assert "opens until" in (await browser.get("/admin/keys")).text
        newest = shown_key((await browser.post("/admin/keys/2/rotate", {"grace": "0"})).text)
        assert not opens(new)
        assert opens(newest)


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/admin/keys", {"name": ""}, 400),
        ("/admin/keys", {"name": "x" * 200}, 400),
        ("/admin/keys", {"name": "glasses", "bot_id": "7"}, 404),
        ("/admin/keys", {"name": "glasses", "bot_id": "-1"}, 400),
        ("/admin/keys", {"name": "glasses", "bot_id": "9" * 40}, 400),
        ("/admin/keys/7/revoke", {}, 404),
        ("/admin/keys/" + "9" * 30 + "/revoke", {}, 404),
        ("/admin/keys/7/rotate", {"grace": "0"}, 404),
        ("/admin/keys/7/rotate", {"grace": "soon"}, 400),
        ("/admin/keys/7/rotate", {"grace": "9" * 18}, 400),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    tmp_path: Path, path: str, form: dict[str, str], status: int
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        assert (await browser.post(path, form)).status == status
        assert pages.store.directory.keys == ()


async def test_scripts_do_the_same_and_never_see_a_digest(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(lambda db: add(db, "home"))
        browser = await pages.signed_in()
        made = await ask_json(browser, "POST", "/admin/api/keys", {"name": "glasses"})
        assert pages.store.directory.find_key(made["key"]) is not None
        rotated = await ask_json(browser, "POST", "/admin/api/keys/1/rotate", {"grace_seconds": 60})
        assert (rotated["id"], rotated["old_id"]) == (2, 1)
        limited = await ask_json(browser, "POST", "/admin/api/keys/2/limit", {"bot_id": 1})
        assert limited["bot_id"] == 1
        assert (await ask_json(browser, "POST", "/admin/api/keys/2/revoke"))["is_active"] is False
        assert (await ask_json(browser, "POST", "/admin/api/keys/2/restore"))["is_active"] is True
        listed = await ask_json(browser, "GET", "/admin/api/keys")
        assert [each["id"] for each in listed] == [1, 2]
        assert all("digest" not in each and "key" not in each for each in listed)
        refused = await browser.ask(
            "POST",
            "/admin/api/keys/1/rotate",
            b'{"grace_seconds":-1}',
            content_type="application/json",
        )
        assert refused.status == 400


async def test_nobody_else_makes_a_key(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        foreign = await browser.post("/admin/keys", {"name": "x"}, sec_fetch_site="cross-site")
        assert foreign.status == 403
        stranger = pages.browser()
        assert (await stranger.post("/admin/keys", {"name": "x"})).status in (303, 401)
        assert (await stranger.get("/admin/api/keys")).status == 401
        assert pages.store.directory.keys == ()


async def test_the_language_can_be_chosen_where_a_form_was_answered(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        await browser.post("/admin/keys", {"name": "glasses"})
        for address, form in (
            ("/admin/keys", {"name": "other"}),
            ("/admin/keys/1/rotate", {"grace": "60"}),
            ("/admin/keys", {"name": ""}),
        ):
            shown = (await browser.post(address, form)).text
            back = re.findall(r'name="back" value="([^"]*)"', shown)
            assert {(await browser.get(each)).status for each in back} <= {200}, back
            assert back
