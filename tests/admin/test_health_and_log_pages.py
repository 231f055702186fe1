"""What is wrong and what to do, and the last lines of the log."""

from __future__ import annotations

from pathlib import Path

import attrs
from pages_client import open_pages
from workshop_fakes import HOSTILE, WELL, FakeCheckup, assert_harmless, make_fakes


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
