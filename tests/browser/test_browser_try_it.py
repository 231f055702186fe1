"""What else glasses send and get than text: photos, actions, what could be asked next."""

from __future__ import annotations

import io
import json

from browsing import Site
from PIL import Image
from playwright.sync_api import Route, expect
from scripted_bot import linked_bot

from eyeclaw_trio.protocol.sse import CONNECTED, AnswerFraming


def test_a_photo_goes_to_the_bot_as_glasses_would_send_it(site: Site) -> None:
    photo = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(photo, "PNG")
    bot = site.house.add_bot("sees photos")
    with site.visit() as visit, linked_bot(site.gateway, bot, "一片", "青色。") as told:
        page = visit.page
        visit.go("/admin/try")
        page.locator("[name=bot]").select_option(str(bot["id"]))
        page.get_by_label("Photo").set_input_files(
            {"name": "photo.png", "mimeType": "image/png", "buffer": photo.getvalue()}
        )
        page.get_by_role("button", name="Ask").click()
        expect(page.get_by_test_id("answer")).to_have_text("一片青色。")
        [image] = told[0]["metadata"]["images"]
        assert image.startswith("data:image/jpeg;base64,")
        visit.assert_accessible()


def test_actions_and_follow_ups_are_cards_and_the_next_question_is_a_click_away(
    site: Site,
) -> None:
    framing = AnswerFraming("1", "1")
    hostile = "<img src=x onerror=alert(1)>\u202e"
    answers = [
        framing.text("我看看。"),
        framing.tool_call("take_photo", {}),
        framing.tool_call("take_navigation", {"poi_name": hostile, "navi_type": "0"}),
        framing.follow_up(["附近有什么好吃的？", "怎么去车站？"]),
        framing.last_text(""),
        framing.done(),
    ]
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(json.loads(route.request.post_data or "{}")["text"])
        headers = {"content-type": "text/event-stream", "eyeclaw-trace": "trace_1"}
        route.fulfill(headers=headers, body=CONNECTED + b"".join(answers))

    with site.visit() as visit:
        page = visit.page
        page.route("**/admin/api/try", answer)
        visit.go("/admin/try")
        page.get_by_label("Question").fill("这是什么？")
        page.get_by_role("button", name="Ask").click()
        cards = page.get_by_test_id("acts").locator("li")
        expect(cards).to_have_count(3)
        expect(cards.nth(0)).to_contain_text("take_photo")
        expect(cards.nth(0)).to_contain_text("Choose a photo")
        expect(page.get_by_label("Photo")).to_be_focused()
        expect(cards.nth(1)).to_contain_text("poi_name: <img src=x onerror=alert(1)>[U+202E]")
        visit.assert_accessible()
        visit.assert_fits()
        cards.nth(2).get_by_role("button", name="怎么去车站？").click()
        expect(page.get_by_label("Question")).to_have_value("怎么去车站？")
        expect(cards).to_have_count(3)
    assert asked == ["这是什么？", "怎么去车站？"]
