"""Every page there is, in both languages, both colours and on a phone: well made, and nothing
loaded from elsewhere."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browsing import BETWEEN, DESK, PHONE, Site, keep, open_site
from playwright.sync_api import Browser
from trace_helpers import make_trace, replay_production_turn

from eyeclaw_trio.admin.site import PAGES
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.keys import create_key

SHOWN = [page for page in PAGES if page.is_in_menu]


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", DESK), ("zh", "dark", PHONE)]
)
def test_every_page_is_accessible_and_fits(
    site: Site, language: str, theme: str, size: dict[str, int]
) -> None:
    with site.visit(language=language, theme=theme, size=size) as visit:
        for page in SHOWN:
            visit.go(page.address)
            assert visit.page.locator("h1").count() == 1, page.name
            assert visit.page.locator("form[action='/admin/logout'][method=post]").count() == 1
            visit.assert_accessible()
            visit.assert_fits()
            for width in (PHONE["width"], 390, 430):
                visit.page.set_viewport_size({"width": width, "height": 800})
                visit.assert_labels_stay_with_their_fields()
            visit.page.set_viewport_size({"width": size["width"], "height": size["height"]})


@pytest.mark.parametrize(("language", "size"), [("zh", DESK), ("en", PHONE)])
def test_every_page_fits_in_the_other_language_too_and_on_what_is_neither_desk_nor_phone(
    site: Site, language: str, size: dict[str, int]
) -> None:
    with site.visit(language=language, size=size) as visit:
        for page in SHOWN:
            visit.go(page.address)
            visit.assert_fits()
            visit.assert_labels_stay_with_their_fields()
            for width in BETWEEN:
                visit.page.set_viewport_size({"width": width, "height": 800})
                visit.assert_fits()
                visit.assert_labels_stay_with_their_fields()
            visit.page.set_viewport_size({"width": size["width"], "height": size["height"]})


def test_names_of_any_length_and_of_any_kind_fit_on_every_page(
    browser: Browser, tmp_path: Path
) -> None:
    names = ("W" * 128, "很长的名字" * 25, ("<script>alert(1)</script>\u202eمرحبا" * 4)[:128])
    with open_site(browser, tmp_path) as site:
        bots = [site.add_bot(name)["id"] for name in names[:1]]
        with closing(open_database(site.house.data)) as db:
            for name in names:
                create_key(db, name, now=datetime.now(UTC))
            bots += [add_bot(db, name, now=datetime.now(UTC))[0].id for name in names[1:]]
        turns = [
            make_trace(f"trace_{number}", user_id=name) for number, name in enumerate(names * 2)
        ]
        for number, turn in enumerate(turns):
            turn.bot_id = bots[number % len(bots)]
            turn.end(Outcome.BOT_ERROR, reason=names[number % 3], said=names[number % 3] * 9)
        keep(site.house.data, *turns)
        lossy = replay_production_turn({3, 4, 59}, user_id=names[0])
        lossy.bot_id = bots[0]
        keep(site.house.data, lossy)
        addresses = [page.address for page in SHOWN]
        addresses += [f"/admin/bots/{bots[0]}", "/admin/stream_traces/trace_0"]
        with site.visit() as visit:
            for address in addresses:
                visit.go(address)
                for width in (PHONE["width"], 390, *BETWEEN, DESK["width"]):
                    visit.page.set_viewport_size({"width": width, "height": 800})
                    visit.assert_fits()


def test_the_language_and_the_colours_that_are_chosen_stay(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go("/admin/")
        page.get_by_role("button", name="中文").click()
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        page.get_by_role("button", name="深色").click()
        page.reload()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.get_by_role("heading", name="总览").count() == 1
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(14, 19, 24)"


def test_a_page_that_is_not_there_says_so_in_the_frame_of_the_others(site: Site) -> None:
    with site.visit() as visit:
        visit.faults.expect("status of 404")
        response = visit.page.goto("/admin/nothing")
        assert response is not None
        assert response.status == 404
        assert visit.page.get_by_role("link", name="Back to the overview").count() == 1
        visit.assert_accessible()
