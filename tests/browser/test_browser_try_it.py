"""What else glasses send and get than text: photos, actions, what could be asked next."""

from __future__ import annotations

import io

from browsing import Site
from PIL import Image
from playwright.sync_api import expect
from scripted_bot import linked_bot


def picture(colour: str) -> bytes:
    """A photo, as a PNG."""
    photo = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(photo, "PNG")
    return photo.getvalue()


def test_a_photo_goes_to_the_bot_as_glasses_would_send_it(site: Site) -> None:
    bot = site.add_bot("sees photos")
    with site.visit() as visit, linked_bot(site.gateway, bot, "一片", "青色。") as told:
        page = visit.page
        visit.go("/admin/try")
        page.locator("[name=bot]").select_option(str(bot["id"]))
        page.get_by_label("Photo").set_input_files(
            {"name": "photo.png", "mimeType": "image/png", "buffer": picture("teal")}
        )
        page.get_by_role("button", name="Ask").click()
        expect(page.get_by_test_id("answer")).to_have_text("一片青色。")
        [image] = told[0]["metadata"]["images"]
        assert image.startswith("data:image/jpeg;base64,")
        visit.assert_accessible()


def test_a_bot_that_wants_to_see_gets_the_photo_with_the_next_question(site: Site) -> None:
    bot = site.add_bot("wants to see")
    wish = {"kind": "tool_call", "tool_call": {"command": "take_photo"}}
    with site.visit() as visit, linked_bot(site.gateway, bot, "我看看。", wish) as told:
        page = visit.page
        visit.go("/admin/try")
        page.locator("[name=bot]").select_option(str(bot["id"]))
        page.get_by_label("Question").fill("这是什么？")
        page.get_by_role("button", name="Ask").click()
        cards = page.get_by_test_id("acts").locator("li")
        expect(cards).to_have_count(1)
        expect(cards).to_contain_text("take_photo")
        expect(cards).to_contain_text("Choose a photo")
        expect(page.get_by_test_id("answer")).to_have_text("我看看。")
        photo = page.get_by_label("Photo")
        expect(photo).to_be_focused()
        visit.assert_accessible()
        photo.set_input_files(
            {"name": "photo.png", "mimeType": "image/png", "buffer": picture("teal")}
        )
        expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        with page.expect_request("**/admin/api/try"):  # what was there before is cleared by now
            page.get_by_role("button", name="Ask").click()
        expect(page.get_by_test_id("raw")).to_contain_text("event: done")
        expect(cards).to_have_count(1)
        page.get_by_test_id("trace").click()
        expect(page.locator("svg[data-testid=time-line]")).to_be_visible()
    assert "images" not in told[0]["metadata"]
    [image] = told[1]["metadata"]["images"]
    assert image.startswith("data:image/jpeg;base64,")


def test_actions_and_follow_ups_are_cards_and_the_next_question_is_a_click_away(
    site: Site,
) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e"
    way = {"command": "take_navigation", "action": "open", "poi_name": hostile, "navi_type": "0"}
    bot = site.add_bot("knows the way")
    pieces = (
        "往前走。",
        {"kind": "tool_call", "tool_call": way},
        {"kind": "follow_up", "follow_up": ["附近有什么好吃的？", "怎么去车站？"]},
    )
    with site.visit() as visit, linked_bot(site.gateway, bot, *pieces) as told:
        page = visit.page
        visit.go("/admin/try")
        page.locator("[name=bot]").select_option(str(bot["id"]))
        page.get_by_label("Question").fill("怎么走？")
        page.get_by_role("button", name="Ask").click()
        cards = page.get_by_test_id("acts").locator("li")
        expect(cards).to_have_count(2)
        expect(cards.nth(0)).to_contain_text("take_navigation")
        expect(cards.nth(0)).to_contain_text("poi_name: <img src=x onerror=alert(1)>[U+202E]")
        expect(page.get_by_test_id("raw")).to_contain_text('"type":"tool_call"')
        visit.assert_accessible()
        visit.assert_fits()
        with page.expect_request("**/admin/api/try"):  # what was there before is cleared by now
            cards.nth(1).get_by_role("button", name="怎么去车站？").click()
        expect(page.get_by_label("Question")).to_have_value("怎么去车站？")
        expect(page.get_by_test_id("raw")).to_contain_text("event: done")
        expect(cards).to_have_count(2)
    assert "怎么去车站？" in told[1]["params"]["message"]
