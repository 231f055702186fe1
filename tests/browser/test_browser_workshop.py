"""Trying a bot, checking a provider, changing a setting, reading the log, restoring: by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from browsing import PASSWORD, PHONE, Site, open_site
from house import House
from playwright.sync_api import Browser, Page, expect


def ask(page: Page, text: str = "讲个故事") -> None:
    page.get_by_label("Question").fill(text)
    page.get_by_role("button", name="Ask").click()


def test_the_answer_of_a_tried_bot_grows_beside_its_raw_events_and_leads_to_its_trace(
    site: Site,
) -> None:
    with site.visit() as visit:
        visit.go("/admin/try")
        page = visit.page
        assert page.locator("form[data-testid=try] [name=bot] option[selected]").count() == 1
        ask(page)
        answer = page.get_by_test_id("answer")
        expect(answer).not_to_be_empty()
        early = answer.inner_text()
        expect(answer).to_have_attribute("aria-busy", "true")
        expect(answer).to_have_attribute("aria-busy", "false")
        assert len(answer.inner_text()) > len(early) > 0
        raw = page.get_by_test_id("raw").inner_text()
        assert raw.startswith(": connected")
        assert raw.rstrip().splitlines()[-2] == "event: done"
        assert raw.count("event: message") > 10
        expect(page.get_by_test_id("facts")).to_contain_text("First text after")
        link = page.get_by_test_id("trace")
        trace_id = (link.get_attribute("href") or "").rpartition("/")[2]
        assert re.fullmatch(r"trace_[0-9a-f]{24}", trace_id)
        visit.assert_accessible()
        visit.go("/admin/log?q=" + trace_id)
        expect(page.locator("[data-line-id]")).to_contain_text("answered")


def test_a_tried_bot_is_stopped_by_keyboard_alone(site: Site) -> None:
    with site.visit(size=PHONE) as visit:
        visit.go("/admin/try")
        page = visit.page
        page.get_by_label("Question").focus()
        page.keyboard.type("讲个故事")
        page.keyboard.press("Tab")  # the photo
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("answer")).not_to_be_empty()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("answer")).to_have_attribute("aria-busy", "false")
        trace_id = (page.get_by_test_id("trace").get_attribute("href") or "").rpartition("/")[2]
        visit.go("/admin/log?q=" + trace_id)
        expect(page.locator("[data-line-id]")).to_contain_text("cancelled")
        visit.assert_fits()


def test_a_refused_question_says_why(site: Site) -> None:
    with site.visit() as visit:
        visit.faults.expect("status of 404")
        visit.go("/admin/try")
        page = visit.page
        page.locator("[name=bot]").evaluate(
            "each => { each.options[0].value = '99'; each.value = '99'; }"
        )
        ask(page)
        expect(page.get_by_role("alert")).to_contain_text("There is no such bot")


def test_a_provider_is_checked_and_shows_its_time_line(site: Site) -> None:
    with site.visit() as visit:
        visit.go("/admin/providers")
        page = visit.page
        card = page.locator("[data-provider-id=slow]")
        card.get_by_role("button", name="Check").click()
        expect(card.get_by_test_id("check-line")).to_be_visible()
        expect(card.get_by_test_id("checked")).to_contain_text("first word")
        visit.assert_accessible()


def test_a_setting_is_changed_and_the_file_wins_and_says_so(site: Site) -> None:
    with site.visit() as visit:
        visit.go("/admin/settings")
        page = visit.page
        said = page.locator('[data-setting-id="patience.keepalive"]')
        expect(said).to_contain_text("eyeclaw.toml")
        expect(said.get_by_role("button")).to_have_count(0)
        row = page.locator('[data-setting-id="patience.idle_timeout"]')
        row.get_by_role("textbox").fill("many")
        row.get_by_role("button", name="Save").click()
        visit.faults.expect("status of 400")
        expect(page.get_by_test_id("refused")).to_contain_text("a number of seconds")
        row.get_by_role("textbox").fill("33")
        row.get_by_role("button", name="Save").click()
        expect(page.get_by_test_id("next-start")).to_contain_text("patience.idle_timeout = 33.0")
        row.get_by_role("button", name="Reset").click()
        expect(page.get_by_test_id("next-start")).to_have_count(0)


def test_the_log_shows_what_happens_while_it_is_open(site: Site) -> None:
    with site.visit() as visit:
        visit.go("/admin/log?q=turn.finished")
        page = visit.page
        before = page.locator("[data-line-id]").count()
        with site.visit() as other:
            other.go("/admin/try")
            ask(other.page)
            expect(other.page.get_by_test_id("answer")).not_to_be_empty()
            expect(other.page.get_by_test_id("answer")).to_have_attribute("aria-busy", "false")
        expect(page.locator("[data-line-id]")).to_have_count(before + 1)
        visit.assert_accessible()


def test_a_backup_is_taken_and_restored_at_the_next_start(browser: Browser, tmp_path: Path) -> None:
    house = House(tmp_path)
    saved = tmp_path / "saved.db"
    with open_site(browser, tmp_path) as site, site.visit() as visit:
        page = visit.page
        visit.go("/admin/backup")
        with page.expect_download() as download:
            page.get_by_test_id("download").click()
        download.value.save_as(saved)
        house.add_bot("later")
        (tmp_path / "no-backup.db").write_bytes(b"no")
        page.get_by_label("Backup file").set_input_files(tmp_path / "no-backup.db")
        visit.faults.expect("status of 400")
        page.get_by_role("button", name="Restore at the next start").click()
        expect(page.get_by_role("alert")).to_contain_text("is not a database")
        page.get_by_label("Backup file").set_input_files(saved)
        page.get_by_role("button", name="Restore at the next start").click()
        expect(page.get_by_test_id("waiting")).to_contain_text("1 bots")
        visit.go("/admin/health")
        expect(page.locator("[data-finding-id=backup_waiting]")).to_be_visible()
        cookies: Any = page.context.cookies()
    assert "later" in house.command_now("bot", "list").stdout
    with open_site(browser, tmp_path) as site:
        assert "later" not in house.command_now("bot", "list").stdout
        with site.visit(signed_in=False) as visit:  # it signs nobody in
            visit.page.context.add_cookies(cookies)
            visit.page.goto("/admin/backup")
            visit.page.wait_for_url("**/admin/login?next=**")
            visit.page.get_by_label("Password").fill(PASSWORD)  # which is as it was then
            visit.page.keyboard.press("Enter")
            visit.page.wait_for_url("**/admin/backup")
            expect(visit.page.get_by_test_id("waiting")).to_have_count(0)
