"""The pages of bots and wearers, and the same for scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pages_client import open_pages
from test_keys_page import add, ask_json

from eyeclaw_trio.admin.presence_views import last_minute
from eyeclaw_trio.store.database import Database, transaction
from eyeclaw_trio.store.presence_history import write_presence

HOSTILE = [
    "<script>alert(1)</script>",
    '"onload="x',
    "\u202egnp.exe",
    "a\u200bb",
    "{{ 7*7 }}",
    "' OR 1=1 --",
]


def shown_token(text: str) -> str:
    found: set[str] = set(re.findall(r'data-copy="(bt_[\w-]{20,})"', text))
    assert len(found) == 1
    return found.pop()


async def test_a_bot_is_added_and_its_token_shown_once(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        added = await browser.post("/admin/bots", {"name": "home", "provider": ""})
        token = shown_token(added.text)
        assert pages.store.directory.is_token_of(1, token)
        assert f"EYECLAW_TOKEN={token} eyeclaw connect --server http://127.0.0.1:8001" in added.text
        assert "ws://127.0.0.1:8001/cable" in added.text
        assert token not in (await browser.get("/admin/bots/1")).text
        listed = await browser.get("/admin/bots")
        assert 'data-bot-id="1" data-presence="offline"' in listed.text
        pages.now.online.add(1)
        assert 'data-bot-id="1" data-presence="online"' in (await browser.get("/admin/bots")).text


async def test_an_embedded_bot_needs_no_token_and_an_unknown_provider_is_refused(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        added = await browser.post("/admin/bots", {"name": "echo", "provider": "echo"})
        assert (added.status, added.location) == (303, "/admin/bots/1")
        refused = await browser.post("/admin/bots", {"name": "other", "provider": "ecko"})
        assert refused.status == 400
        assert "is it echo?" in refused.text
        assert len(pages.store.directory.bots) == 1


async def test_a_bot_is_renamed_made_default_and_gets_another_provider_and_is_removed(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(lambda db: add(db, "home", "echo"))
        await pages.store.run(lambda db: add(db, "away"))
        browser = await pages.signed_in()
        bots = pages.store.directory.bots
        for action, form in (
            ("name", {"name": "desk"}),
            ("provider", {"provider": "zhipu"}),
            ("default", {}),
        ):
            answer = await browser.post(f"/admin/bots/1/{action}", form)
            assert (answer.status, answer.location) == (303, "/admin/bots/1")
        bots = pages.store.directory.bots
        assert (bots[1].name, bots[1].provider, bots[1].is_default) == ("desk", "zhipu", True)
        assert (await browser.post("/admin/bots/1/remove")).location == "/admin/bots"
        assert list(pages.store.directory.bots) == [2]
        assert (await browser.get("/admin/bots/1")).status == 404
        assert (await browser.post("/admin/bots/1/name", {"name": "x"})).status == 404


async def test_a_name_that_is_taken_is_refused_in_the_words_of_the_page(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        await browser.post("/admin/bots", {"name": "home", "provider": ""})
        refused = await browser.post("/admin/bots", {"name": "home", "provider": ""})
        assert refused.status == 400
        assert "This cannot be done" in refused.text
        assert "The name is taken by bot 1" in refused.text
        await browser.post("/admin/preferences", {"language": "zh", "back": "/admin/"})
        refused = await browser.post("/admin/bots", {"name": "home", "provider": ""})
        assert "这个名称已被 Bot 1 使用" in refused.text


async def test_a_new_token_ends_the_old_one(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        old = shown_token((await browser.post("/admin/bots", {"name": "home"})).text)
        new = shown_token((await browser.post("/admin/bots/1/token")).text)
        assert new != old
        assert not pages.store.directory.is_token_of(1, old)
        assert pages.store.directory.is_token_of(1, new)


async def test_an_invitation_holds_a_new_token_and_how_to_use_it(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        old = shown_token((await browser.post("/admin/bots", {"name": HOSTILE[0]})).text)
        chosen = await browser.post(
            "/admin/bots/address", {"address": "https://glasses.example", "back": "/admin/bots/1"}
        )
        assert (chosen.status, chosen.location) == (303, "/admin/bots/1")
        shown = await browser.post("/admin/bots/1/invitation")
        assert 'data-copy="https://glasses.example/skill/code1"' in shown.text
        (skill,) = pages.surroundings.invitations
        (token,) = set(re.findall(r"bt_[\w-]+", skill))
        assert pages.store.directory.is_token_of(1, token)
        assert not pages.store.directory.is_token_of(1, old)
        assert token not in shown.text
        assert "--server https://glasses.example --bot 1" in skill
        assert "alert" not in skill


async def test_the_address_that_was_said_is_in_every_field_and_a_wrong_one_is_refused(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(lambda db: add(db, "home"))
        browser = await pages.signed_in()
        assert "it is of this machine only" in (await browser.get("/admin/bots")).text
        for wrong in ("javascript:alert(1)", "https://a b", "ftp://x", "https://u:p@x", ""):
            refused = await browser.post("/admin/bots/address", {"address": wrong})
            assert refused.status == 400
        await browser.post("/admin/bots/address", {"address": "wss://glasses.example/eye/"})
        page = (await browser.get("/admin/bots/1")).text
        assert 'data-copy="https://glasses.example/eye/sse/rokid"' in page
        assert "wss://glasses.example/eye/cable" in page
        await browser.post("/admin/bots/address", {"address": "https://x/$(reboot)"})
        assert "--server &#39;https://x/$(reboot)&#39; --bot" in (
            (await browser.get("/admin/bots/1")).text
        )
        assert "it is of this machine only" not in (await browser.get("/admin/bots")).text
        browser.cookies["eyeclaw_address"] = "javascript:alert(1)"
        assert "javascript" not in (await browser.get("/admin/bots/1")).text


async def test_a_listener_on_all_addresses_is_named_as_the_page_was_reached(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        pages.surroundings.address = "http://0.0.0.0:8001"
        browser = await pages.signed_in()
        assert 'value="http://127.0.0.1:8001"' in (await browser.get("/admin/bots")).text


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_a_bot_is_called_is_text(tmp_path: Path, name: str) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(lambda db: add(db, name))
        browser = await pages.signed_in()
        for path in ("/admin/", "/admin/bots", "/admin/bots/1", "/admin/keys", "/admin/wearers"):
            page = (await browser.get(path)).text
            assert "<script>alert" not in page
            assert '"onload="' not in page
            assert "\u202e" not in page
            assert "49" not in re.findall(r"<h[13]>.*?</h[13]>", page)


async def test_presence_is_drawn_beat_by_beat_for_each_span(tmp_path: Path) -> None:
    last = last_minute()

    def write(db: Database) -> None:
        with transaction(db):
            for minute, letter in zip(range(last - 5, last + 1), "oooxxb", strict=True):
                write_presence(db, [minute], {1: letter})

    async with open_pages(tmp_path) as pages:
        await pages.store.run(lambda db: add(db, "home"))
        await pages.store.run(write)
        browser = await pages.signed_in()
        for path in ("/admin/?span=hour", "/admin/bots/1?span=hour"):
            page = (await browser.get(path)).text
            assert page.count('class="beat ') == 60
            assert page.count('class="beat online"') == 3
            assert page.count('class="beat offline"') == 2
            assert page.count('class="beat partly"') == 1
            assert "58.3% online" in page
        assert "Outages (1)" in page
        assert (await browser.get("/admin/bots/1?span=week")).text.count('class="beat ') == 56
        assert (await browser.get("/admin/?span=year")).status == 400
        told: Any = await ask_json(browser, "GET", "/admin/api/bots/1/presence?span=hour")
        assert told["percent_online"] == 58.3
        assert [each["kind"] for each in told["beats"][-3:]] == ["offline", "offline", "partly"]
        assert [each["minutes"] for each in told["outages"]] == [3]


async def test_scripts_do_the_same_to_bots(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        added = await ask_json(browser, "POST", "/admin/api/bots", {"name": "home"})
        assert pages.store.directory.is_token_of(1, added["token"])
        echo = await ask_json(
            browser, "POST", "/admin/api/bots", {"name": "echo", "provider": "echo"}
        )
        assert echo["token"] is None
        changed = await ask_json(
            browser,
            "PATCH",
            "/admin/api/bots/2",
            {"name": "other", "provider": "zhipu", "is_default": True},
        )
        assert (changed["name"], changed["provider"], changed["is_default"]) == (
            "other",
            "zhipu",
            True,
        )
        token = (await ask_json(browser, "POST", "/admin/api/bots/1/token"))["token"]
        assert pages.store.directory.is_token_of(1, token)
        invited = await ask_json(
            browser, "POST", "/admin/api/bots/1/invitation", {"address": "https://x.example"}
        )
        assert invited == {"url": "https://x.example/skill/code1", "seconds": 900}
        assert (await ask_json(browser, "POST", "/admin/api/bots/1/unbind"))["online"] is False
        listed = await ask_json(browser, "GET", "/admin/api/bots")
        assert [each["id"] for each in listed] == [1, 2]
        assert all("token_digest" not in each for each in listed)
        assert await ask_json(browser, "GET", "/admin/api/bots/1/sessions") == []
        assert (await browser.ask("DELETE", "/admin/api/bots/2")).status == 204
        assert (await browser.get("/admin/api/bots/2")).status == 404
