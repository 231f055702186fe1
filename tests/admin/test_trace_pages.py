"""The list of traces without a browser: its hooks, filters, counts and places."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from trace_helpers import replay_production_turn
from traced_pages import API, LIST, counts_of, ids, keep, make_turn, rows_of, signed_in

from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.store import trace_list
from eyeclaw_trio.store.database import Database, transaction


async def test_an_empty_list_says_so(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (_, browser):
        answer = await browser.get(LIST)
        assert answer.status == 200
        assert "No turn fits." in answer.text
        assert rows_of(answer.text) == []


async def test_the_list_is_newest_first_with_hooks_for_each_row(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        lossy = replay_production_turn({3, 4})
        await keep(pages, make_turn("trace_1"), lossy, make_turn("trace_3", None))
        html = (await browser.get(LIST)).text
        assert rows_of(html) == [
            {"trace-id": "trace_3", "outcome": "active", "lost": "0"},
            {"trace-id": lossy.trace_id, "outcome": "answered", "lost": "2"},
            {"trace-id": "trace_1", "outcome": "answered", "lost": "0"},
        ]
        assert re.search(r'data-lost="2" class="lossy"', html)
        assert "58 → " in html
        assert html.count("<circle") == 2  # dots: of turns that have a first chunk


async def test_each_filter_is_in_the_address_and_has_counts_beside_its_values(
    tmp_path: Path,
) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        chat = make_turn("trace_chat", Outcome.TIMEOUT, source="chat", user_id="anna")
        await keep(pages, make_turn("trace_1", user_id="bert"), replay_production_turn({0}), chat)
        html = (await browser.get(LIST)).text
        assert counts_of(html, "outcome") == {"answered": 2, "timeout": 1}
        assert counts_of(html, "source") == {"rokid": 2, "chat": 1}
        assert counts_of(html, "loss") == {"any": 1, "head": 1}
        assert counts_of(html, "anomaly")["1"] == 1
        assert counts_of(html, "wearer")["anna"] == 1
        assert counts_of(html, "bot") == {"1": 3}
        assert ids((await browser.get(f"{LIST}?source=chat")).text) == ["trace_chat"]
        assert ids((await browser.get(f"{LIST}?outcome=failed")).text) == ["trace_chat"]
        assert len(ids((await browser.get(f"{LIST}?anomaly=1")).text)) == 1
        assert len(ids((await browser.get(f"{LIST}?loss=head")).text)) == 1
        assert ids((await browser.get(f"{LIST}?wearer=bert")).text) == ["trace_1"]
        assert ids((await browser.get(f"{LIST}?q=ANNA")).text) == ["trace_chat"]
        assert ids((await browser.get(f"{LIST}?bot=9")).text) == []
        # A chosen value takes itself away; the others keep what is chosen beside them.
        chosen = (await browser.get(f"{LIST}?source=chat")).text
        assert f'href="{LIST}" data-filter="source" data-value="chat"' in chosen
        assert f'href="{LIST}?source=chat&amp;outcome=timeout"' in chosen
        # What nothing has is shown all the same once it is chosen.
        assert counts_of((await browser.get(f"{LIST}?outcome=late")).text, "outcome")["late"] == 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("at=25:00", 400),
        ("at=x", 400),
        ("since=x", 400),
        ("slower=x", 400),
        ("bot=nobody", 400),
        ("after=x", 404),
        ("at=14:03", 200),
        ("at=2026-01-31T08:01:30Z", 200),
        ("q=%00%ff%f0", 200),
        ("outcome=" + "x" * 5_000, 200),
    ],
)
async def test_what_cannot_be_read_is_refused_on_page_and_api(
    tmp_path: Path, query: str, status: int
) -> None:
    async with signed_in(tmp_path) as (_, browser):
        assert (await browser.get(f"{LIST}?{query}")).status == status
        answer = await browser.get(f"{API}?{query}")
        assert answer.status == status
        if status == 400:
            assert set(answer.json["detail"]) == {query.partition("=")[0]}


async def test_a_moment_is_jumped_to_in_the_zone_of_whoever_reads(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        await keep(pages, *(make_turn(f"trace_{number}") for number in range(4)))
        page = (await browser.get(f"{LIST}?at=2026-01-31T08:01:00Z")).text
        assert ids(page) == ["trace_1", "trace_0"]
        browser.cookies["eyeclaw_zone"] = "Asia%2FShanghai"
        assert ids((await browser.get(f"{LIST}?at=2026-01-31T16:02")).text)[0] == "trace_2"
        for nowhere in ("Nowhere", "../../etc/passwd", "/etc", "x" * 5_000, ""):
            browser.cookies["eyeclaw_zone"] = nowhere
            assert (await browser.get(f"{LIST}?at=14:03")).status == 200


async def test_pages_follow_each_other_by_their_cursor(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        await keep(pages, *(make_turn(f"trace_{number}") for number in range(120)))
        seen: list[str] = []
        address: str | None = f"{LIST}?outcome=answered"
        while address is not None:
            html = (await browser.get(address)).text
            seen += ids(html)
            found = re.search(r'href="([^"]*after=[^"]*)"', html)
            address = unescape(found[1]) if found else None
        assert seen == [f"trace_{number}" for number in reversed(range(120))]


async def test_a_whole_id_or_a_short_code_in_the_search_opens_the_turn(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        await keep(pages, make_turn("trace_1"), make_turn("trace_2"))

        def name(db: Database) -> None:
            with transaction(db):
                db.execute("UPDATE stream_traces SET code = 'K7M2QX' WHERE trace_id = 'trace_2'")

        await pages.store.run(name)
        for text in ("trace_2", "k7m2qx", "%20K7M2QX%20"):
            answer = await browser.get(f"{LIST}?q={text}")
            assert (answer.status, answer.location) == (303, f"{LIST}/trace_2")
        assert (await browser.get(f"{LIST}?q=trace_")).status == 200


async def test_a_text_is_looked_for_further_back_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_list, "SEARCHED", 2)
    async with signed_in(tmp_path) as (pages, browser):
        wearers = ["anna", "bert", "bert", "bert"]
        await keep(pages, *(make_turn(f"t_{at}", user_id=who) for at, who in enumerate(wearers)))
        first = (await browser.get(f"{LIST}?q=anna")).text
        assert ids(first) == []
        assert 'data-testid="searched"' in first
        assert "No turn fits." not in first
        found = re.search(r'href="([^"]*)" rel="next">Look further back', first)
        assert found is not None
        second = (await browser.get(unescape(found[1]))).text
        assert ids(second) == ["t_0"]
        assert 'data-testid="searched"' not in second
