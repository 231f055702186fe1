"""Wearers: bound by a code that a camera reads off the page, blocked and forgotten."""

from __future__ import annotations

import io
from contextlib import closing
from functools import partial

import pytest
import zxingcpp
from browsing import DESK, PHONE, Site, ask
from PIL import Image
from playwright.sync_api import expect

from eyeclaw_trio.store.bindings import bind_wearer
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database

WEARER = "u_8f3a2c91"


@pytest.mark.parametrize(("theme", "size"), [("dark", DESK), ("light", PHONE)])
def test_a_code_is_read_by_a_camera_and_the_page_turns_to_bound(
    site: Site, theme: str, size: dict[str, int]
) -> None:
    bot = site.add_bot(f"to bind {theme}")
    with site.visit(theme=theme, size=size) as visit:
        page = visit.page
        visit.go(f"/admin/bots/{bot['id']}")
        page.get_by_role("button", name="Make a binding code").click()
        code = page.get_by_test_id("binding-code")
        expect(code).to_contain_text("4:5")  # minutes and seconds that are left
        visit.assert_accessible()
        visit.assert_fits()
        picture = Image.open(io.BytesIO(code.locator("svg").screenshot()))
        [read] = zxingcpp.read_barcodes(picture)
        with closing(open_database(site.house.data)) as db:
            bind_wearer(db, [read.text], f"{WEARER}_{theme}", read_clock())
        expect(page.locator("[data-bound=true]")).to_contain_text(WEARER)
        expect(code).to_be_hidden()


def test_a_wearer_is_blocked_and_forgotten(site: Site) -> None:
    asks = partial(ask, site, user_id="somebody")
    assert asks() == 200
    with site.visit() as visit:
        page = visit.page
        visit.go("/admin/wearers")
        row = page.locator("[data-wearer-id=somebody]")
        expect(row).to_have_attribute("data-may-ask", "true")
        row.get_by_text("Change", exact=True).click()
        visit.assert_accessible()
        row.get_by_role("button", name="Block").click()
        expect(row).to_have_attribute("data-may-ask", "false")
        row.get_by_text("Change", exact=True).click()
        row.get_by_role("button", name="Forget").click()
        page.get_by_role("dialog").get_by_role("button", name="yes").click()
        expect(row).to_have_count(0)
