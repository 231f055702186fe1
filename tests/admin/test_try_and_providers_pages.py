"""Trying a bot as glasses do, and checking the providers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import attrs
import pytest
from pages_client import Pages, open_pages
from workshop_fakes import HOSTILE, FakeProviders, FakeTryIt, assert_harmless, kept, make_fakes

from eyeclaw_trio.errors import Reason
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.columns import read_clock

PROVIDERS = """
[providers.home]
base_url = "http://127.0.0.1:9/v1"
model = "m"
api_key = "sk-secret-4711"
"""


async def add(pages: Pages, name: str = "home") -> None:
    await pages.store.run(lambda db: add_bot(db, name, None, now=read_clock()))


async def test_a_bot_is_tried_and_its_raw_answer_is_shown_without_scripts(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await add(pages)
        browser = await pages.signed_in()
        form = (await browser.get("/admin/try?bot=1&text=Hi%20there")).text
        assert '<option value="1" selected>' in form
        assert ">Hi there</textarea>" in form
        answer = await browser.post("/admin/try", {"bot": "1", "text": "今天天气？"})
        assert answer.status == 200
        assert ">晴天</p>" in answer.text
        assert "event: message" in answer.text
        assert f'href="/admin/stream_traces/trace_{"a" * 24}"' in answer.text
        assert cast(FakeTryIt, pages.workshop.try_it).asked == [(1, "今天天气？", "en")]


async def test_the_api_gives_what_glasses_get_byte_for_byte_and_names_the_trace(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        body = json.dumps({"bot": 1, "text": "你好"}).encode()
        answer = await browser.ask("POST", "/admin/api/try", body, content_type="application/json")
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["eyeclaw-trace"] == "trace_" + "a" * 24
        assert answer.body.startswith(b": connected\n\nevent: message\ndata: {")
        assert answer.body.endswith(b"event: done\ndata: {}\n\n")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"bot": "9", "text": "x"}, 404),
        ({"bot": "", "text": "x"}, 400),
        ({"bot": "1" * 40, "text": "x"}, 400),
        ({"bot": HOSTILE, "text": "x"}, 400),
        ({}, 400),
    ],
)
async def test_a_bot_that_cannot_be_tried_is_refused_harmlessly(
    tmp_path: Path, form: dict[str, str], status: int
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        refused = await browser.post("/admin/try", form)
        assert refused.status == status
        assert_harmless(refused.text)


async def test_what_a_bot_says_and_is_called_is_shown_harmlessly(tmp_path: Path) -> None:
    workshop = attrs.evolve(make_fakes(tmp_path), try_it=FakeTryIt(pieces=(HOSTILE,)))
    async with open_pages(tmp_path, workshop=workshop) as pages:
        await add(pages, "<script>alert(1)</script>\"onload='x'")
        browser = await pages.signed_in()
        assert_harmless((await browser.post("/admin/try", {"bot": "1", "text": HOSTILE})).text)
        assert_harmless(
            (await browser.get("/admin/try?text=%3Cscript%3Ealert(1)%3C/script%3E")).text
        )


async def test_a_provider_shows_its_figures_its_plot_and_its_check(tmp_path: Path) -> None:
    workshop = make_fakes(tmp_path, PROVIDERS)
    providers = cast(FakeProviders, workshop.providers)
    providers.answers["home"] = [
        kept("home", 0.4, 1.0),
        kept("home", 2.0, 9.0),
        kept("home", 0.3, 0.9),
    ]
    async with open_pages(tmp_path, workshop=workshop) as pages:
        browser = await pages.signed_in()
        shown = (await browser.get("/admin/providers")).text
        assert 'data-provider-id="home" data-standing="well"' in shown
        assert shown.count("<circle") == 3
        assert "sk-secret" not in shown
        assert 'data-testid="check-line"' not in shown
        done = await browser.post("/admin/providers/check", {"name": "home"})
        assert (done.status, done.location) == (303, "/admin/providers")
        after = (await browser.get("/admin/providers")).text
        assert 'data-testid="check-line"' in after
        assert after.count('class="segment') == 2 * 6
        assert "我是助手。" in after


async def test_what_a_model_says_and_why_it_failed_is_shown_harmlessly(tmp_path: Path) -> None:
    workshop = make_fakes(tmp_path, PROVIDERS)
    providers = cast(FakeProviders, workshop.providers)
    providers.said, providers.reason = HOSTILE * 5, "model_key_refused"
    providers.answers["home"] = [kept("home", 0.0, 0.0, Reason.MODEL_KEY_REFUSED)]
    async with open_pages(tmp_path, workshop=workshop) as pages:
        browser = await pages.signed_in()
        await browser.post("/admin/providers/check", {"name": "home"})
        shown = await browser.get("/admin/providers")
        assert 'data-standing="failing"' in shown.text
        assert_harmless(shown.text)
        api = await browser.get("/admin/api/providers")
        assert "sk-secret" not in api.text


async def test_an_unknown_provider_is_not_checked(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        refused = await browser.post("/admin/providers/check", {"name": HOSTILE})
        assert refused.status == 404
        assert_harmless(refused.text)
