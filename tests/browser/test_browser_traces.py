"""Stream traces in a real browser: live, filtered, one by one by the arrow keys, and looked at
closely."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from browsing import DESK, LOSSY, PHONE, Site, ask
from playwright.sync_api import expect

LIST = "/admin/stream_traces"


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", PHONE), ("zh", "dark", DESK)]
)
def test_list_and_turn_are_accessible_and_fit(
    site: Site, language: str, theme: str, size: dict[str, int]
) -> None:
    with site.visit(language=language, theme=theme, size=size) as visit:
        for address in (LIST, f"{LIST}?loss=any", f"{LIST}/{LOSSY}", f"{LIST}/trace_0"):
            visit.go(address)
            assert visit.page.locator("h1").count() == 1
            visit.assert_accessible()
            visit.assert_fits()


def test_a_turn_that_lost_something_stands_out_and_shows_where(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go(LIST)
        row = page.locator(f'tr[data-trace-id="{LOSSY}"]')
        assert row.get_attribute("data-lost") == "3"
        grounds = [
            each.evaluate("each => getComputedStyle(each).backgroundColor")
            for each in (row, page.locator('tr[data-trace-id="trace_0"]'))
        ]
        assert grounds[0] != grounds[1]
        page.locator("nav.saved [data-saved=losses]").click()
        expect(page.locator("tr[data-trace-id]")).to_have_count(1)
        row.locator("a").first.click()
        expect(page.locator("[data-testid=parts-missing]")).to_contain_text("3–4, 59")
        line = page.locator("svg[data-testid=time-line]")
        assert line.locator("[data-sequence]").count() == 57
        assert line.locator("[data-missing]").count() == 2
        page.locator("[data-zoom=closer]").click()
        expect(line.locator("[data-sequence='0']")).to_have_count(0)
        page.locator("[data-zoom=whole]").click()
        expect(line.locator("[data-sequence]")).to_have_count(57)


def test_where_there_is_no_room_for_all_dots_the_newest_are_seen(site: Site) -> None:
    with site.visit(size=PHONE) as visit:
        assert ask(site) == 200
        dots = visit.page.locator("svg.dots circle")
        visit.go(LIST)
        # Dots are drawn anew every ten seconds, and the turn may have been kept behind the first.
        expect(dots).not_to_have_count(1, timeout=20_000)
        rights = dots.evaluate_all("all => all.map(each => each.getBoundingClientRect().right)")
        assert 0 < max(rights) <= PHONE["width"]
        assert min(rights) < 0  # there are others, and one can scroll to them


def test_arrow_keys_go_through_the_filtered_list(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go(f"{LIST}/{LOSSY}?outcome=answered")
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**/trace_2?outcome=answered")
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(f"**/{LOSSY}?outcome=answered")
        # In a field they mean something else.
        visit.go(f"{LIST}/{LOSSY}")
        page.locator("#times").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        assert page.url.endswith(LOSSY)


def test_a_filter_is_chosen_by_keyboard_alone_and_stays_in_the_address(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go(LIST)
        value = page.locator("[data-filter=loss][data-value=mixed]")
        assert value.get_attribute("data-count") == "1"
        value.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{LIST}?loss=mixed")
        expect(page.locator("tr[data-trace-id]")).to_have_count(1)
        page.reload()
        expect(page.locator("tr[data-trace-id]")).to_have_count(1)


def test_times_are_shown_local_in_utc_or_relative(site: Site) -> None:
    with site.visit(timezone_id="Asia/Shanghai") as visit:
        page = visit.page
        visit.go(LIST)
        time = page.locator("tr[data-trace-id=trace_0] time")
        began = datetime.fromisoformat(str(time.get_attribute("datetime")))
        expect(time).to_contain_text(f"{began + timedelta(hours=8):%H:%M:%S}")
        page.locator("#times").select_option("utc")
        expect(time).to_contain_text(f"{began:%H:%M:%S} UTC")
        page.reload()
        expect(time).to_contain_text("UTC")
        page.locator("#times").select_option("relative")
        expect(time).to_contain_text("ago")
        # The gateway knows the zone now: a clock time means the reader's.
        local = began + timedelta(hours=8)
        visit.go(f"{LIST}?at={local:%H:%M:%S}")
        assert page.locator("tr[data-trace-id]").first.get_attribute("data-trace-id") == "trace_0"


def test_a_new_turn_appears_by_itself_and_can_be_deleted(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go(LIST)
        before = page.locator("tr[data-trace-id]").count()
        assert ask(site) == 200
        expect(page.locator("tr[data-trace-id]")).to_have_count(before + 1)
        newest = page.locator("tr[data-trace-id]").first
        expect(newest).to_have_attribute("data-outcome", "answered")
        newest.locator("a").first.click()
        page.get_by_role("button", name="Delete this trace").click()
        page.locator("dialog button[value=yes]").click()
        page.wait_for_url(f"**{LIST}")
        expect(page.locator("tr[data-trace-id]")).to_have_count(before)


def test_a_dot_is_a_turn_and_opens_it(site: Site) -> None:
    with site.visit() as visit:
        visit.go(LIST)
        visit.page.locator(f"svg[data-testid=scatter] a[data-trace-id={LOSSY}] circle").click()
        visit.page.wait_for_url(f"**/{LOSSY}")
        # What was written differs from what was received: it was filled in from the summary.
        assert visit.page.locator("[data-testid=texts] ins").count() > 0
