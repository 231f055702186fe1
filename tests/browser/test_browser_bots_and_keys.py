"""Running it from a browser: bots that come online, keys that open, what is copied and said."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from browsing import BETWEEN, DESK, PHONE, Site, Visit, ask
from playwright.sync_api import expect
from scripted_bot import linked_bot

BOT_PAGES = ("/admin/", "/admin/bots", "/admin/bots/1", "/admin/keys", "/admin/wearers")


def copied(visit: Visit, testid: str, prefix: str) -> str:
    """What the copy button of a secret would copy."""
    button = visit.page.locator(f"[data-testid={testid}] [data-copy^='{prefix}']").first
    text = button.get_attribute("data-copy")
    assert text is not None
    return text


def test_a_key_that_is_made_here_opens_until_it_is_revoked_here(site: Site) -> None:
    with site.visit() as visit:
        visit.go("/admin/keys")
        page = visit.page
        form = page.locator("form[data-testid=new-key]")
        form.locator("[name=name]").fill("browser")
        page.keyboard.press("Enter")
        key = copied(visit, "made-key", "ak_")
        expect(page.get_by_text("智能体鉴权 AK")).to_be_visible()
        expect(page.locator(f"[data-copy='{site.gateway.url}/sse/rokid']")).to_be_visible()
        visit.assert_accessible()
        assert ask(site, key) == 200
        visit.go("/admin/keys")
        row = page.locator("tr", has_text="browser")
        expect(row).to_have_attribute("data-active", "true")
        row.get_by_text("Change", exact=True).click()
        row.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_role("button", name="yes").click()
        expect(page.locator("tr", has_text="browser")).to_have_attribute("data-active", "false")
        assert ask(site, key) == 401


def test_a_key_is_replaced_and_the_old_one_opens_for_a_while_still(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go("/admin/keys")
        page.locator("form[data-testid=new-key] [name=name]").fill("to replace")
        page.get_by_role("button", name="Make the key").click()
        old = copied(visit, "made-key", "ak_")
        page.locator("tr", has_text="to replace").get_by_text("Change", exact=True).click()
        page.get_by_label("The old one opens for").last.select_option("an hour")
        page.locator("form[data-testid=rotate-key]").last.get_by_role("button").click()
        expect(page.locator("[data-testid=made-key]")).to_contain_text("The old key opens until")
        new = copied(visit, "made-key", "ak_")
        visit.assert_accessible()
        assert new != old
        assert (ask(site, old), ask(site, new)) == (200, 200)
        visit.go("/admin/keys")  # the longest row there is: an old key with its last moment
        for width in BETWEEN:
            page.set_viewport_size({"width": width, "height": 800})
            visit.assert_fits()


def test_a_bot_that_is_added_here_comes_online_with_its_sdk_answers_and_leaves(
    site: Site,
) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go("/admin/bots")
        page.locator("form[data-testid=new-bot] [name=name]").fill("laptop")
        page.get_by_role("button", name="Add the bot").click()
        token = copied(visit, "made-token", "bt_")
        visit.assert_accessible()
        visit.go("/admin/bots")
        row = page.locator("[data-bot-id]", has_text="laptop")
        expect(row).to_have_attribute("data-presence", "offline")
        bot_id = row.get_attribute("data-bot-id")
        with linked_bot(site.gateway, {"id": bot_id, "token": token}, *"今天晴，出门走走吧。"):
            expect(row).to_have_attribute("data-presence", "online")
            visit.go("/admin/try")
            page.locator("[name=bot]").select_option(bot_id)
            page.get_by_label("Question").fill("今天天气怎么样？")
            page.get_by_role("button", name="Ask").click()
            answer = page.get_by_test_id("answer")
            expect(answer).to_have_text("今天晴，出门走走吧。")
            expect(answer).to_have_attribute("aria-busy", "false")
            visit.go(f"/admin/bots/{bot_id}")
            state = page.locator(f"[data-bot-id='{bot_id}']")
            expect(state).to_have_attribute("data-presence", "online")
        expect(state).to_have_attribute("data-presence", "offline")
        visit.go("/admin/")
        expect(page.locator("[data-finding=bots_offline]")).to_contain_text("laptop")


def test_a_reload_makes_nothing_again(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go("/admin/keys")
        page.locator("form[data-testid=new-key] [name=name]").fill("made once")
        page.get_by_role("button", name="Make the key").click()
        assert copied(visit, "made-key", "ak_")
        page.wait_for_load_state()  # nobody is as quick as the page's own script
        page.reload()
        expect(page.locator("tr", has_text="made once")).to_have_count(1)
        expect(page.get_by_test_id("made-key")).to_have_count(0)
        visit.go("/admin/")
        page.go_back()
        assert page.url == f"{site.origin}/admin/keys"
        expect(page.locator("tr", has_text="made once")).to_have_count(1)


def test_an_openclaw_is_told_once_how_to_connect_itself(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go("/admin/bots")
        page.locator("form[data-testid=new-bot] [name=name]").fill("agent")
        page.get_by_role("button", name="Add the bot").click()
        page.get_by_role("button", name="Make the address").click()
        page.get_by_role("dialog").get_by_role("button", name="yes").click()
        url = copied(visit, "invitation", "http://127.0.0.1")
        visit.assert_accessible()
    with urllib.request.urlopen(url, timeout=20) as answer:
        text = answer.read().decode()
        assert answer.headers["content-type"].startswith("text/markdown")
    assert "eyeclaw connect" in text
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url, timeout=20)


def test_what_a_bot_is_called_runs_nothing_anywhere(site: Site) -> None:
    hostile = '"><img src=x onerror=alert(1)><script>alert(1)</script>\u202e'
    site.house.add_bot(hostile)
    with site.visit() as visit:
        for address in BOT_PAGES:
            visit.go(address)
            assert visit.page.locator("main img, main script").count() == 0
            assert "\u202e" not in visit.page.content()


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("zh", "dark", PHONE), ("en", "light", DESK)]
)
def test_the_page_of_one_bot_and_what_is_unfolded_are_accessible_and_fit(
    site: Site, language: str, theme: str, size: dict[str, int]
) -> None:
    with site.visit(language=language, theme=theme, size=size) as visit:
        page = visit.page
        for span in ("hour", "month"):
            visit.go(f"/admin/bots/1?span={span}")
            page.locator("details.outages summary").click()
            visit.assert_accessible()
            visit.assert_fits()
        visit.go("/admin/keys")
        page.locator("details.unfold summary").first.click()
        visit.assert_accessible()
        visit.assert_fits()


def test_a_span_is_chosen_and_a_bot_removed_by_keyboard_alone(site: Site) -> None:
    bot = site.add_bot("short-lived")
    with site.visit() as visit:
        page = visit.page
        visit.go(f"/admin/bots/{bot['id']}")
        page.get_by_role("link", name="Week").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**span=week")
        expect(page.get_by_role("link", name="Week")).to_have_attribute("aria-current", "true")
        expect(page.locator("svg.heartbeat rect")).to_have_count(56)
        page.get_by_role("button", name="Remove the bot").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/bots")
        expect(page.locator(f"[data-bot-id='{bot['id']}']")).to_have_count(0)
