"""Wearers: who has asked, who may, forgetting; and the code that binds one to a bot."""

from __future__ import annotations

import json
import re
from functools import partial
from html import unescape
from pathlib import Path

import pytest
from api_contract import assert_as_described
from pages_client import open_pages
from test_keys_page import add, ask_json
from workshop_fakes import HOSTILE, assert_harmless

from eyeclaw_trio.admin.qr_code import draw_code
from eyeclaw_trio.core.routing import WearerRules
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.store.bindings import bind_wearer
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database, transaction
from eyeclaw_trio.store.memory import list_beginnings
from eyeclaw_trio.store.traces import write_trace

PAGE = "/admin/wearers"


def write_turn(db: Database, user_id: str) -> None:
    trace = Trace(f"trace_{len(user_id)}", "session", 1, 100.0, user_id=user_id)
    trace.end(Outcome.ANSWERED)
    with transaction(db):
        write_trace(db, trace, read_clock(), 0.0)


def states_of(html: str) -> dict[str, bool]:
    """Who may ask, as the page has it."""
    rows = re.findall(r'data-wearer-id="([^"]*)" data-may-ask="(true|false)"', html)
    return {name: state == "true" for name, state in rows}


async def test_a_wearer_is_blocked_and_allowed_again(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(partial(write_turn, user_id="anna"))
        browser = await pages.signed_in()
        first = (await browser.get(PAGE)).text
        assert states_of(first) == {"anna": True}
        assert "Everybody may ask" in first
        said = {"user_id": "anna", "standing": "blocked"}
        answer = await browser.post(f"{PAGE}/standing", said)
        assert (answer.status, answer.location) == (303, PAGE)
        assert pages.store.directory.standings == {"anna": "blocked"}
        assert states_of((await browser.get(PAGE)).text) == {"anna": False}
        await browser.post(f"{PAGE}/standing", {"user_id": "anna", "standing": "nothing"})
        assert states_of((await browser.get(PAGE)).text) == {"anna": True}


async def test_where_the_settings_name_some_the_others_are_kept_out_until_allowed_here(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        pages.surroundings.wearer_rules = WearerRules(frozenset({"anna"}), requires_binding=True)
        for name in ("anna", "berta"):
            await pages.store.run(partial(write_turn, user_id=name))
        browser = await pages.signed_in()
        page = (await browser.get(PAGE)).text
        assert states_of(page) == {"anna": True, "berta": False}
        assert "named in the settings" in page
        assert "Only those may ask" in page
        assert "Each has to be bound first" in page
        await browser.post(f"{PAGE}/standing", {"user_id": "berta", "standing": "allowed"})
        assert states_of((await browser.get(PAGE)).text) == {"anna": True, "berta": True}


async def test_one_who_has_not_asked_yet_is_named_in_advance(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        await browser.post(f"{PAGE}/standing", {"user_id": " carla ", "standing": "blocked"})
        assert states_of((await browser.get(PAGE)).text) == {"carla": False}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"user_id": "anna", "standing": "loved"}, 400),
        ({"user_id": "anna"}, 400),
        ({"user_id": "", "standing": "blocked"}, 400),
        ({"user_id": "x" * 5_000, "standing": "blocked"}, 400),
    ],
)
async def test_what_cannot_be_said_of_a_wearer_is_refused(
    tmp_path: Path, form: dict[str, str], status: int
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        assert (await browser.post(f"{PAGE}/standing", form)).status == status
        assert pages.store.directory.standings == {}


async def test_a_wearer_who_is_forgotten_is_in_no_trace(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(partial(write_turn, user_id="anna"))
        browser = await pages.signed_in()
        await browser.post(f"{PAGE}/standing", {"user_id": "anna", "standing": "allowed"})
        await browser.post(f"{PAGE}/forget?user_id=anna")
        assert states_of((await browser.get(PAGE)).text) == {}
        assert "anna" not in (await browser.get("/admin/api/stream_traces")).text
        [begun] = await pages.store.read(list_beginnings)  # what was talked about is over
        assert begun.user_id == "anna"


async def test_a_hostile_wearer_is_shown_harmlessly_and_can_be_blocked(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(partial(write_turn, user_id=HOSTILE))
        browser = await pages.signed_in()
        page = (await browser.get(PAGE)).text
        assert_harmless(page)
        address = re.search(r'action="(/admin/wearers/standing[?][^"]*)"', page)
        assert address is not None
        await browser.post(unescape(address[1]), {"standing": "blocked"})
        assert pages.store.directory.standings == {HOSTILE: "blocked"}


async def test_scripts_do_the_same_to_wearers(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(partial(write_turn, user_id="anna"))
        browser = await pages.signed_in()
        api = "/admin/api/wearers"

        async def post(name: str, **fields: str | None) -> None:
            body = json.dumps({"user_id": "anna", **fields}).encode()
            answer = await browser.ask(
                "POST", f"{api}/{name}", body, content_type="application/json"
            )
            assert_as_described(answer, "POST", f"{api}/{name}", status=204)

        await post("standing", standing="blocked")
        [anna] = await ask_json(browser, "GET", api)
        assert (anna["standing"], anna["may_ask"], anna["turns"]) == ("blocked", False, 1)
        await post("standing", standing=None)
        [anna] = await ask_json(browser, "GET", api)
        assert (anna["standing"], anna["may_ask"]) == (None, True)
        await post("forget")
        assert await ask_json(browser, "GET", api) == []


async def test_a_code_is_shown_once_and_the_page_of_its_bot_turns_to_bound(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        await pages.store.run(lambda db: add(db, "home"))
        browser = await pages.signed_in()
        assert "binding-code" not in (await browser.get("/admin/bots/1")).text
        page = (await browser.post("/admin/bots/1/binding")).text
        assert 'data-testid="binding-code" data-seconds="300"' in page
        assert 'data-bound="false"' in page
        assert "EYECLAW:" not in page  # only a camera reads it
        made = await ask_json(browser, "POST", "/admin/api/bots/1/binding")
        assert draw_code(made["text"]).size >= 29
        await pages.store.run(
            partial(bind_wearer, texts=[made["text"]], user_id="anna", now=read_clock())
        )
        bound = (await browser.get("/admin/bots/1")).text
        assert 'data-bound="true"' in bound
        assert "anna" in bound
        assert (await browser.post("/admin/bots/9/binding")).status == 404


def test_a_code_is_drawn_module_by_module_with_a_quiet_zone() -> None:
    drawn = draw_code("EYECLAW:" + "A" * 26)
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", drawn.path)}
    assert {min(x for x, _ in dark), min(y for _, y in dark)} == {4}
    assert {max(x for x, _ in dark), max(y for _, y in dark)} == {drawn.size - 5}
    for left, top in ((4, 4), (drawn.size - 11, 4), (4, drawn.size - 11)):  # its three eyes
        ring = {(left + at, top) for at in range(7)} | {(left, top + at) for at in range(7)}
        assert ring <= dark
