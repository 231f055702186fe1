"""What is wrong and what to do, and the last lines of the log."""

from __future__ import annotations

from pathlib import Path

import attrs
from pages_client import open_pages
from workshop_fakes import HOSTILE, WELL, FakeCheckup, assert_harmless, make_fakes

from eyeclaw_trio.admin.words import CATALOGUE
from eyeclaw_trio.core.checkup import Finding, check_up


def all_findings() -> list[Finding]:
    changes: list[dict[str, object]] = [
        {},
        {"status": "draining", "is_backup_waiting": True, "active_keys": 0, "bots": {}},
        {"bots": {"a": False}, "has_default_bot": False, "is_on_loopback": False},
        {"bots": {"a": False, "b": True}, "is_on_loopback": False, "has_tls": True},
        {"is_degraded": True, "unix_time": 1.0, "disk_free": None},
        {"dropped_writes": 1, "disk_free": 1},
        {"disk_free": 1_000_000_000},
    ]
    return [
        each
        for change in changes
        for each in check_up(attrs.evolve(WELL, **change))  # type: ignore[arg-type]  # by name
    ]


def test_every_finding_has_its_words_and_every_bad_one_a_remedy() -> None:
    named = {each.name for each in all_findings()}
    assert {f"health.is.{name}" for name in named} == {
        key for key in CATALOGUE if key.startswith("health.is.")
    }
    troubles = {each.name for each in all_findings() if each.level != "good"} - {"draining"}
    assert {f"health.do.{name}" for name in troubles} == {
        key for key in CATALOGUE if key.startswith("health.do.")
    }


async def test_the_health_names_what_is_wrong_and_what_to_do_harmlessly(tmp_path: Path) -> None:
    facts = attrs.evolve(WELL, bots={HOSTILE: False, "b": True}, disk_free=5)
    workshop = attrs.evolve(make_fakes(tmp_path), checkup=FakeCheckup(facts))
    async with open_pages(tmp_path, workshop=workshop) as pages:
        browser = await pages.signed_in()
        shown = await browser.get("/admin/health")
        assert_harmless(shown.text)
        assert 'data-finding-id="disk_full" data-level="bad"' in shown.text
        assert "Make room now." in shown.text
        found = (await browser.get("/admin/api/health")).json
        assert [each["name"] for each in found[:2]] == ["disk_full", "bots_offline"]


async def test_the_log_is_filtered_by_level_and_word(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        log = pages.workshop.log
        log.add("2026-11-29T12:00:00Z", "info", "turn.finished", '{"ms":5}')
        log.add("2026-11-29T12:00:01Z", "warning", "bot.unlinked", '{"bot_id":3}')
        log.add("2026-11-29T12:00:02Z", "error", "page.bug", '{"exception":"Traceback"}')
        browser = await pages.signed_in()

        async def events(query: str) -> list[str]:
            lines = (await browser.get(f"/admin/api/log{query}")).json
            return [each["event"] for each in lines]

        assert await events("") == ["page.bug", "bot.unlinked", "turn.finished"]
        assert await events("?level=warning") == ["page.bug", "bot.unlinked"]
        assert await events("?q=TRACEBACK") == ["page.bug"]
        assert await events("?level=error&q=bot") == []
        assert (await browser.get("/admin/api/log?level=loud")).status == 400
        shown = (await browser.get("/admin/log?level=warning&q=bot_id")).text
        assert 'data-level="warning"' in shown
        assert "turn.finished" not in shown
        assert "No line fits." in (await browser.get("/admin/log?q=nothing+such")).text


async def test_a_hostile_line_of_the_log_is_shown_harmlessly(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        pages.workshop.log.add("2026-11-29T12:00:00Z", HOSTILE, HOSTILE, HOSTILE * 50)
        browser = await pages.signed_in()
        assert_harmless((await browser.get("/admin/log")).text)
        assert_harmless((await browser.get("/admin/log?q=%3Cscript%3Ealert(1)%3C/script%3E")).text)
