"""What the API says of providers, settings, health, log and backups is as it is described."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import attrs
import pytest
from api_contract import assert_as_described
from pages_client import Answer, Pages, open_pages
from workshop_fakes import HOSTILE, WELL, FakeCheckup, FakeProviders, kept, make_fakes

from eyeclaw_trio.errors import Reason

PROVIDERS = """
[providers.home]
base_url = "http://127.0.0.1:9/v1"
model = "m"
api_key = "sk-secret-4711"
fallback = ["echo"]
"""
API = "/admin/api/"


async def get(pages: Pages, path: str, status: int = 200, query: str = "") -> Answer:
    """What this path answers to the owner; as described."""
    browser = await pages.signed_in()
    answer = await browser.get(API + path + query)
    assert_as_described(answer, "GET", API + path, status=status)
    return answer


async def test_providers_and_their_checks_are_as_described(tmp_path: Path) -> None:
    workshop = make_fakes(tmp_path, PROVIDERS)
    providers = cast(FakeProviders, workshop.providers)
    async with open_pages(tmp_path, workshop=workshop) as pages:
        await get(pages, "providers")
        providers.answers["home"] = [
            kept("home", 0.4, 1.0),
            kept("home", 0.0, 0.0, Reason.MODEL_BUSY),
        ]
        browser = await pages.signed_in()
        for reason in (None, "model_busy"):
            providers.reason = reason
            checked = await browser.ask("POST", "/admin/api/providers/home/check")
            assert_as_described(checked, "POST", "/admin/api/providers/{name}/check")
            assert checked.json["is_met"] is (reason is None)
        listed = {each["name"]: each for each in (await get(pages, "providers")).json}
        assert listed["home"]["standing"] == "failing"
        assert listed["home"]["asked"] == {"answered": 1, "failed": 1}
        unknown = await browser.ask("POST", "/admin/api/providers/none/check")
        assert_as_described(unknown, "POST", "/admin/api/providers/{name}/check", status=404)


async def test_settings_and_what_they_refuse_are_as_described(tmp_path: Path) -> None:
    workshop = make_fakes(tmp_path, PROVIDERS + "[patience]\nkeepalive = 3.0\n")
    async with open_pages(tmp_path, workshop=workshop) as pages:
        await get(pages, "settings")
        browser = await pages.signed_in()
        for key, value, status in (
            ("limits.queued_turns", 5, 204),
            ("limits.queued_turns", 0, 400),
            ("patience.keepalive", 5, 409),
            ("data", "/", 409),
            ("none", True, 400),
        ):
            body = json.dumps({"value": value}).encode()
            path = f"/admin/api/settings/{key}"
            answer = await browser.ask("PUT", path, body, content_type="application/json")
            assert_as_described(answer, "PUT", "/admin/api/settings/{key}", status=status)
        await get(pages, "settings")


@pytest.mark.parametrize("name", ["home", HOSTILE])
async def test_the_health_is_as_described(tmp_path: Path, name: str) -> None:
    facts = attrs.evolve(WELL, bots={name: False}, active_keys=0)
    workshop = attrs.evolve(make_fakes(tmp_path), checkup=FakeCheckup(facts))
    async with open_pages(tmp_path, workshop=workshop) as pages:
        found = (await get(pages, "health")).json
        assert [each["level"] for each in found[:2]] == ["bad", "bad"]
        assert all(each["remedy"] for each in found[:2])


async def test_the_log_is_as_described(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        pages.workshop.log.add("2026-11-29T12:00:00Z", "info", "turn.finished", '{"ms":5}')
        await get(pages, "log")
        await get(pages, "log", 400, "?level=loud")


async def test_backups_are_as_described(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        taken = await browser.get("/admin/api/backup")
        assert taken.headers["content-type"] == "application/vnd.sqlite3"
        for body, status in ((taken.body, 201), (b"none", 400)):
            brought = await browser.ask("PUT", "/admin/api/backup", body)
            assert_as_described(brought, "PUT", "/admin/api/backup", status=status)
        gone = await browser.ask("DELETE", "/admin/api/backup")
        assert_as_described(gone, "DELETE", "/admin/api/backup", status=204)


async def test_a_token_does_what_a_browser_does_and_a_stranger_nothing(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        made = await browser.ask(
            "POST", "/admin/api/tokens", b'{"name":"x"}', content_type="application/json"
        )
        script = pages.browser(site=None)
        for path in ("providers", "settings", "health", "log", "backup"):
            token = f"Bearer {made.json['token']}"
            assert (await script.get(API + path, authorization=token)).status == 200
            assert (await script.get(API + path)).status == 401
            assert (await script.get(API + path, authorization="Bearer at_no")).status == 401
