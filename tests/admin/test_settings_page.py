"""The settings: in force, explained, and changed for the next start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pages_client import Answer, open_pages
from workshop_fakes import HOSTILE, assert_harmless, make_fakes

PROVIDERS = """
[providers.home]
base_url = "http://127.0.0.1:9/v1"
model = "m"
api_key = "sk-secret-4711"
"""


async def test_a_setting_is_changed_for_the_next_start_and_taken_back(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        saved = await browser.post(
            "/admin/settings", {"key": "patience.idle_timeout", "value": "42"}
        )
        assert (saved.status, saved.location) == (303, "/admin/settings")
        shown = (await browser.get("/admin/settings")).text
        assert "patience.idle_timeout = 42.0" in shown
        assert "idle_timeout = 42.0" in (tmp_path / "settings.toml").read_text()
        await browser.post(
            "/admin/settings", {"key": "patience.idle_timeout", "value": "9", "action": "reset"}
        )
        assert 'data-testid="next-start"' not in (await browser.get("/admin/settings")).text


async def test_every_setting_says_its_meaning_and_where_it_came_from(tmp_path: Path) -> None:
    workshop = make_fakes(tmp_path, PROVIDERS + "[patience]\nkeepalive = 3.0\n")
    async with open_pages(tmp_path, workshop=workshop) as pages:
        browser = await pages.signed_in()
        rows = {each["key"]: each for each in (await browser.get("/admin/api/settings")).json}
        assert rows["patience.keepalive"]["standing"] == "elsewhere"
        assert rows["patience.keepalive"]["source"].endswith("eyeclaw.toml:8")
        assert rows["patience.keepalive"]["unit"] == "seconds"
        assert rows["patience.idle_timeout"]["standing"] == "default"
        assert rows["patience.idle_timeout"]["is_changeable"]
        assert rows["providers.home.api_key"]["value"] == "***"
        assert not rows["providers.home.api_key"]["is_changeable"]
        unexplained = [key for key, row in rows.items() if not row["meaning"]]
        assert unexplained == []
        browser.cookies["eyeclaw_language"] = "zh"
        rows = {each["key"]: each for each in (await browser.get("/admin/api/settings")).json}
        assert rows["patience.keepalive"]["unit"] == "秒"
        assert "sk-secret" not in (await browser.get("/admin/settings")).text


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("patience.idle_timeout", "never", 400),
        ("patience.idle_timeout", HOSTILE, 400),
        ("patience.keepalive", "9", 409),
        ("listen", "0.0.0.0:80", 400),
        (HOSTILE, "1", 400),
        ("", "", 400),
    ],
)
async def test_what_cannot_be_set_is_said_and_nothing_is_written(
    tmp_path: Path, key: str, value: str, status: int
) -> None:
    workshop = make_fakes(tmp_path, "[patience]\nkeepalive = 3.0\n")
    async with open_pages(tmp_path, workshop=workshop) as pages:
        browser = await pages.signed_in()
        refused = await browser.post("/admin/settings", {"key": key, "value": value})
        assert refused.status == status
        assert 'data-testid="refused"' in refused.text
        assert_harmless(refused.text)
        assert not (tmp_path / "settings.toml").exists()


@pytest.mark.parametrize("value", [42, 42.0, "42", True])
async def test_the_api_sets_numbers_and_switches(tmp_path: Path, value: object) -> None:
    key = "traces.keep_content" if value is True else "patience.idle_timeout"
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()

        async def put(new: object) -> Answer:
            body = json.dumps({"value": new}).encode()
            path = f"/admin/api/settings/{key}"
            return await browser.ask("PUT", path, body, content_type="application/json")

        async def next_value() -> str | None:
            rows = (await browser.get("/admin/api/settings")).json
            found: str | None = {each["key"]: each for each in rows}[key]["next_value"]
            return found

        assert (await put(value)).status == 204
        assert await next_value() == ("true" if value is True else "42.0")
        assert (await put(None)).status == 204
        assert await next_value() is None
        assert (await put([1])).status == 400
