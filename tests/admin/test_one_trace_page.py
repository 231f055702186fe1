"""The page of one turn without a browser: what it shows, and that whatever others have said is
shown harmlessly."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Final

import pytest
import trio
from trace_helpers import replay_production_turn
from traced_pages import API, LIST, MORNING, ids, keep, make_turn, signed_in

from eyeclaw_trio.admin.office import RunningTurn
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.protocol.timestamps import to_stamp


async def test_one_turn_shows_its_stages_its_time_line_and_what_is_missing(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        lossy = replay_production_turn({3, 4, 9})
        await keep(pages, lossy)
        html = (await browser.get(f"{LIST}/{lossy.trace_id}")).text
        states = re.findall(r'data-stage="(\w+)" data-state="(\w+)"', html)
        assert states == [
            (name, "done") for name in ("question", "bot", "first_text", "last_text", "end")
        ]
        drawn = html[html.index('data-testid="time-line"') :]
        sequences = [int(each) for each in re.findall(r'data-sequence="(\d+)"', drawn)]
        assert sorted(sequences) == [n for n in range(60) if n not in (3, 4, 9)]
        assert re.findall(r'data-missing="([\d-]+)"', drawn) == ["3-4", "9-9"]
        assert 'data-testid="parts-missing"' in html
        assert "<code>3–4, 9</code>" in html
        assert f"eyeclaw trace show {lossy.trace_id}" in html


async def test_a_part_of_the_time_line_is_looked_at_closer(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turn = replay_production_turn()
        await keep(pages, turn)
        whole = (await browser.get(f"{LIST}/{turn.trace_id}?outcome=answered")).text
        closer = unescape(re.findall(r'href="([^"]+)" data-zoom="closer"', whole)[0])
        assert "outcome=answered" in closer
        part = (await browser.get(closer.partition("#")[0])).text
        assert 0 < part.count("data-sequence") < whole.count("data-sequence") == 60
        for window in ("from=1", "from=x&to=2", "from=5&to=5", "from=nan&to=2", "from=0&to=inf"):
            assert (await browser.get(f"{LIST}/{turn.trace_id}?{window}")).status == 400
        assert (await browser.get(f"{LIST}/{turn.trace_id}?from=-1e300&to=1e300")).status == 200


async def test_neighbours_are_those_of_the_filtered_list(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turns = [make_turn(f"trace_{n}", source="chat" if n % 2 else "rokid") for n in range(5)]
        await keep(pages, *turns)

        def beside(html: str) -> dict[str, str]:
            found = re.findall(r'rel="(prev|next)" href="([^"]+)"', html)
            return {rel: unescape(href) for rel, href in found}

        assert beside((await browser.get(f"{LIST}/trace_2")).text) == {
            "prev": f"{LIST}/trace_3",
            "next": f"{LIST}/trace_1",
        }
        assert beside((await browser.get(f"{LIST}/trace_2?source=rokid")).text) == {
            "prev": f"{LIST}/trace_4?source=rokid",
            "next": f"{LIST}/trace_0?source=rokid",
        }


async def test_texts_stand_side_by_side_with_what_differs_and_can_be_asked_again(
    tmp_path: Path,
) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turn = Trace("trace_1", "s", 1, 100.0, keeps_content=True)
        turn.note(Happening.REQUEST_RECEIVED, 100.0, question="天气 & <b>wind</b>?")
        for number, text in enumerate(("今天", "晴", "<i>")):
            turn.note_chunk(100.5 + number, number, text)
        turn.note_written(103.0, 103.0, ["今天", "<i>"])
        turn.end(Outcome.ANSWERED)
        await keep(pages, turn, make_turn("trace_2"))
        html = (await browser.get(f"{LIST}/trace_1")).text
        assert "今天<del>晴</del>&lt;i&gt;" in html
        assert "今天&lt;i&gt;</p>" in html
        again = re.findall(r'href="(/admin/try\?[^"]*)"', html)
        assert [unescape(each) for each in again] == [
            "/admin/try?bot=1&text=%E5%A4%A9%E6%B0%94+%26+%3Cb%3Ewind%3C%2Fb%3E%3F"
        ]
        other = (await browser.get(f"{LIST}/trace_2")).text
        assert 'data-testid="texts"' not in other
        assert "/admin/try?" not in other


async def test_a_question_that_was_cut_says_so_and_cannot_be_asked_again(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        for number, length in enumerate((1_000, 1_001)):
            turn = Trace(f"trace_{number}", "s", 1, 100.0, keeps_content=True)
            turn.note(Happening.REQUEST_RECEIVED, 100.0, question="长" * length)
            turn.end(Outcome.ANSWERED)
            await keep(pages, turn)
        whole, cut = [(await browser.get(f"{LIST}/trace_{n}")).text for n in (0, 1)]
        told = (await browser.get(f"{LIST}/trace_1/text")).text
        [received] = (await browser.get(f"{API}/trace_1")).json["events"][:1]
    assert 'data-testid="question-cut"' not in whole
    assert "/admin/try?" in whole
    assert "Only the first 1000 of its 1001 characters were kept" in cut
    assert "/admin/try?" not in cut
    assert "[cut: the first 1000 of 1001 characters]" in told
    assert received["data"] == {"question": "长" * 1_000, "question_length": 1_001}


async def test_a_trace_is_deleted_from_its_page_and_by_the_api(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        await keep(pages, make_turn("trace_1"), make_turn("trace_2"), make_turn("trace_3", None))
        answer = await browser.post(f"{LIST}/trace_1/delete?outcome=answered")
        assert (answer.status, answer.location) == (303, f"{LIST}?outcome=answered")
        assert (await browser.ask("DELETE", f"{API}/trace_2")).status == 204
        assert (await browser.ask("DELETE", f"{API}/trace_2")).status == 404
        refused = await browser.ask("DELETE", f"{API}/trace_3")
        assert refused.status == 400
        assert "still runs" in refused.json["detail"]
        assert "delete" not in (await browser.get(f"{LIST}/trace_3")).text
        with trio.fail_after(5):
            while ids((await browser.get(LIST)).text) != ["trace_3"]:
                await trio.sleep(0.02)  # the reader sees what has been committed
        foreign = pages.browser(site="cross-site", cookies=browser.cookies)
        assert (await foreign.post(f"{LIST}/trace_3/delete")).status == 403


def stages_in(html: str, state: str) -> list[str]:
    return re.findall(rf'data-stage="(\w+)" data-state="{state}"', html)


async def test_a_running_turn_shows_what_is_known_of_it_now(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        await keep(pages, make_turn("trace_1", None))
        pages.now.turns = [RunningTurn("trace_1", 1, "rokid", 12.0, 3.0, 41)]
        assert "41 …" in (await browser.get(LIST)).text
        html = (await browser.get(f"{LIST}/trace_1")).text
        assert "41 chunks so far" in html
        assert 'data-live-address="/admin/api/live/stream_trace/trace_1"' in html
        assert "The chunks are drawn when the turn is over." in html
        assert stages_in(html, "running") == ["last_text"]
        assert stages_in(html, "done") == ["question", "bot", "first_text"]
        pages.now.turns = [RunningTurn("trace_1", 1, "rokid", 12.0, None, 0)]
        html = (await browser.get(f"{LIST}/trace_1")).text
        assert stages_in(html, "running") == ["first_text"]
        assert stages_in(html, "done") == ["question", "bot"]


async def test_the_whole_trace_is_downloaded_as_json_and_as_text(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turn = replay_production_turn({3}, user_id="\u202eanna")
        await keep(pages, turn)
        answer = await browser.get(f"{API}/{turn.trace_id}?download=1")
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        kinds = [event["type"] for event in answer.json["events"]]
        assert kinds.count("sdk_chunk_received") == 59
        assert kinds[0] == "request_received"
        assert answer.json["missing_sequences"] == [3]
        assert answer.json["user_id"] == "\u202eanna"
        assert "content-disposition" not in (await browser.get(f"{API}/{turn.trace_id}")).headers
        text = (await browser.get(f"{LIST}/{turn.trace_id}/text")).text
        assert "question received" in text
        assert "\u202e" not in text
        assert "missing    3 (head)" in text


async def test_a_turn_is_told_in_the_language_of_its_page(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turn = replay_production_turn({3})
        await keep(pages, turn)
        await browser.post("/admin/preferences", {"language": "zh", "back": "/admin/"})
        for address in (f"{LIST}/{turn.trace_id}", f"{LIST}/{turn.trace_id}/text"):
            text = (await browser.get(address)).text
            assert "收到问题" in text
            assert "缺失       3（head）" in text
            assert "question received" not in text


async def test_a_turn_is_told_by_the_clock_of_its_reader(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turn = replay_production_turn()
        await keep(pages, turn)
        browser.cookies["eyeclaw_zone"] = "Asia/Shanghai"
        for address in (f"{LIST}/{turn.trace_id}", f"{LIST}/{turn.trace_id}/text"):
            assert "2026-01-31 16:00:00" in (await browser.get(address)).text


async def test_a_trace_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (_, browser):
        for path in ("/trace_none", "/trace_none/text", "/%3Cscript%3E", "/" + "x" * 5_000):
            answer = await browser.get(LIST + path)
            assert answer.status == 404
            assert "<script>" not in answer.text
        assert (await browser.get(f"{API}/trace_none")).json["error"] == "Not found"
        assert (await browser.post(f"{LIST}/trace_none/delete")).status == 404


async def test_nobody_else_sees_or_deletes_a_trace(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, _):
        await keep(pages, make_turn("trace_1"))
        stranger = pages.browser()
        for path in (LIST, f"{LIST}/trace_1", f"{LIST}/trace_1/text"):
            answer = await stranger.get(path)
            assert answer.status == 303
            assert answer.location.startswith("/admin/login")
        for path in ("", "/counts", "/dots", "/trace_1"):
            assert (await stranger.get(API + path)).status == 401
        assert (await stranger.ask("DELETE", f"{API}/trace_1")).status == 401


HOSTILE: Final = (
    "<script>alert(1)</script>",
    '"onload="alert(1)',
    "'><img src=x onerror=alert(1)>",
    "\u202egnp.exe\u2066",
    "\x1b[2J\x1b]0;owned\x07",
    "{{ 7*7 }}{% raw %}",
    "x" * 100_000,
)


@pytest.mark.parametrize(
    "words", HOSTILE, ids=["script", "quote", "tag", "bidi", "ansi", "jinja", "long"]
)
async def test_whatever_a_wearer_a_bot_or_a_model_says_is_shown_harmlessly(
    tmp_path: Path, words: str
) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turn = Trace("trace_1", "s", 1, 100.0, message_id=words, keeps_content=True)
        turn.agent_id = turn.user_id = turn.source = words
        turn.note(Happening.REQUEST_RECEIVED, 100.0, question=words)
        turn.note_chunk(100.5, 0, words)
        turn.note(Happening.STREAM_ERROR, 100.7, message=words)
        turn.note_written(100.502, 100.5, [words, words])
        turn.end(Outcome.BOT_ERROR, reason=words, said=words)
        await keep(pages, turn)
        for path in (LIST, f"{LIST}/trace_1", f"{LIST}?q={'x' * 50}"):
            html = (await browser.get(path)).text
            assert "<script>alert" not in html
            assert "<img" not in html.replace('<img src="/admin/static/', "")
            assert '="alert(1)"' not in html
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
            assert "49" not in html or "{{" not in words
            assert "x" * 200_001 not in html
        for path in (API, f"{API}/trace_1", f"{API}/counts", f"{API}/dots"):
            answer = await browser.get(path)
            assert answer.status == 200
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_long_answer_is_downloaded_while_others_have_their_turn(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        turn = Trace("trace_1", "s", 1, 0.0)
        for number in range(10_000):
            turn.note_chunk(number / 100, number, "x")
            turn.note_written(number / 100, number / 100, ["x"])
        turn.end(Outcome.ANSWERED)
        await keep(pages, turn)
        others = 0

        async def take_turns() -> None:
            nonlocal others
            while True:
                others += 1
                await trio.sleep(0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_turns)
            before = others
            answer = await browser.get(f"{API}/trace_1")
            assert others - before >= 20_000 / 100
            nursery.cancel_scope.cancel()
        assert len(answer.json["events"]) == 20_000
        html = (await browser.get(f"{LIST}/trace_1")).text
        assert html.count("data-sequence") == 2_000
        assert len(html) < 1_500_000
        assert to_stamp(MORNING)[:10] in html
