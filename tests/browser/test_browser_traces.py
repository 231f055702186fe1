"""Stream traces in a real browser: live, filtered, one by one by the arrow keys, and looked at
closely."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browsing import DESK, PHONE, Site, open_site
from playwright.sync_api import Browser, expect
from trace_helpers import end_trace, make_trace, replay_production_turn

from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.traces import write_trace

LIST = "/admin/stream_traces"
LOSSY = "trace_lossy"


def keep(folder: Path, *traces: Trace) -> None:
    """Write these turns a minute apart, the oldest first, as another process would."""
    with closing(open_database(folder)) as db, transaction(db):
        for number, trace in enumerate(traces):
            age = timedelta(minutes=len(traces) - 1 - number)
            write_trace(db, trace, datetime.now(UTC) - age, 0.0)


@pytest.fixture(scope="module")
def traced(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway that has had some turns; the one in the middle has lost something."""
    with open_site(browser, tmp_path_factory.mktemp("traced")) as site:
        lossy = replay_production_turn({3, 4, 59}, keeps_content=True)
        lossy.trace_id = LOSSY
        turns = [end_trace(make_trace(f"trace_{number}")) for number in range(4)]
        keep(site.house.data, turns[3], turns[2], lossy, turns[1], turns[0])
        yield site


@pytest.mark.parametrize(
    ("language", "theme", "size"),
    [("en", "light", DESK), ("zh", "dark", DESK), ("zh", "light", PHONE), ("en", "dark", PHONE)],
)
def test_list_and_turn_are_accessible_and_fit(
    traced: Site, language: str, theme: str, size: dict[str, int]
) -> None:
    with traced.visit(language=language, theme=theme, size=size) as visit:
        for address in (LIST, f"{LIST}?loss=any", f"{LIST}/{LOSSY}", f"{LIST}/trace_0"):
            visit.go(address)
            assert visit.page.locator("h1").count() == 1
            visit.assert_accessible()
            visit.assert_fits()


def test_a_turn_that_lost_something_stands_out_and_shows_where(traced: Site) -> None:
    with traced.visit() as visit:
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


def test_arrow_keys_go_through_the_filtered_list(traced: Site) -> None:
    with traced.visit() as visit:
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


def test_a_filter_is_chosen_by_keyboard_alone_and_stays_in_the_address(traced: Site) -> None:
    with traced.visit() as visit:
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


def test_times_are_shown_local_in_utc_or_relative(traced: Site) -> None:
    with traced.visit(timezone_id="Asia/Shanghai") as visit:
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


def test_a_new_turn_appears_by_itself_and_can_be_deleted(traced: Site) -> None:
    with traced.visit() as visit:
        page = visit.page
        visit.go(LIST)
        before = page.locator("tr[data-trace-id]").count()
        traced.house.command_now(
            "ask", "你好", "--server", traced.gateway.url, EYECLAW_KEY=traced.gateway.key
        )
        expect(page.locator("tr[data-trace-id]")).to_have_count(before + 1)
        newest = page.locator("tr[data-trace-id]").first
        assert newest.get_attribute("data-outcome") == "answered"
        newest.locator("a").first.click()
        page.get_by_role("button", name="Delete this trace").click()
        page.locator("dialog button[value=yes]").click()
        page.wait_for_url(f"**{LIST}")
        expect(page.locator("tr[data-trace-id]")).to_have_count(before)


def test_a_dot_is_a_turn_and_opens_it(traced: Site) -> None:
    with traced.visit() as visit:
        visit.go(LIST)
        visit.page.locator(f"svg[data-testid=scatter] a[data-trace-id={LOSSY}] circle").click()
        visit.page.wait_for_url(f"**/{LOSSY}")
        # What was written differs from what was received: it was filled in from the summary.
        assert visit.page.locator("[data-testid=texts] ins").count() > 0
