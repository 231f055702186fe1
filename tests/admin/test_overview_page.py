"""The overview: what is not well, who is there, how it was; and the same for scripts."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import attrs
import pytest
from pages_client import open_pages
from test_keys_page import add, ask_json
from workshop_fakes import WELL, FakeCheckup, make_fakes

from eyeclaw_trio.admin.office import RunningTurn
from eyeclaw_trio.core.checkup import LITTLE_ROOM, NO_ROOM
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.core.turn_counts import TurnCounts
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database, transaction
from eyeclaw_trio.store.traces import write_trace
from eyeclaw_trio.store.turn_statistics import write_turn_counts


def write_turn(db: Database, name: str, outcome: Outcome, user_id: str | None = None) -> None:
    trace = Trace(name, "session", 1, 100.0, user_id=user_id)
    trace.end(outcome, reason="<b>why</b>")
    with transaction(db):
        write_trace(db, trace, read_clock(), 0.0)


async def test_where_all_is_well_it_says_so_and_nothing_else(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        page = (await browser.get("/admin/")).text
        assert "Everything is well" in page
        assert "data-finding" not in page


@pytest.mark.parametrize(
    ("facts", "name", "words"),
    [
        ({"active_keys": 0}, "no_key", "There is no valid access key"),
        ({"bots": {}}, "no_bot", "There is no bot to answer"),
        ({"bots": {"<i>": False}}, "no_bot_online", "No bot is online"),
        ({"bots": {"<i>": False, "b": True}}, "bots_offline", "Offline: &lt;i&gt;"),
        ({"has_default_bot": False}, "no_default_bot", "none of them is the default"),
        ({"is_on_loopback": False}, "public_without_tls", "without TLS"),
        ({"unix_time": 5.0}, "clock_wrong", "was never set"),
        ({"clock_off": 3600.0}, "clock_jumped", "jumped by 60 min"),
        ({"disk_free": LITTLE_ROOM - 1}, "disk_little", "MB are free on the disk"),
        ({"disk_free": NO_ROOM - 1}, "disk_full", "nearly full"),
        ({"disk_free": None}, "disk_unknown", "cannot be found out"),
        ({"is_degraded": True}, "store_degraded", "cannot be written"),
        ({"dropped_writes": 2}, "store_dropped", "2 records were given up"),
        ({"is_backup_waiting": True}, "backup_waiting", "A backup waits"),
        ({"flapping": ("<i>",)}, "bots_flapping", "again and again: &lt;i&gt;"),
        ({"old_sdks": ("<i>", "b")}, "old_sdks", "cannot be healed: &lt;i&gt;, b"),
        ({"status": "draining"}, "draining", "is stopping"),
    ],
)
async def test_what_is_not_well_is_said_in_words(
    tmp_path: Path, facts: dict[str, object], name: str, words: str
) -> None:
    looked = FakeCheckup(attrs.evolve(WELL, **facts))  # type: ignore[arg-type]  # by name
    workshop = attrs.evolve(make_fakes(tmp_path), checkup=looked)
    async with open_pages(tmp_path, workshop=workshop) as pages:
        browser = await pages.signed_in()
        page = (await browser.get("/admin/")).text
        assert f'data-finding="{name}"' in page
        assert words in page
        assert "Everything is well" not in page
        chinese = (await browser.get("/admin/", accept_language="zh-CN")).text
        assert f'data-finding="{name}"' in chinese
        told = await ask_json(browser, "GET", "/admin/api/overview")
        assert [each["name"] for each in told["faults"]] == [name]
        health = (await browser.get("/admin/health")).text
        assert f'data-finding-id="{name}"' in health
        assert words in health


async def test_turns_over_time_are_drawn_and_told(tmp_path: Path) -> None:
    counts = TurnCounts(turns=4, failed=1, lost=2)
    counts.first_chunk[3] = counts.relay[2] = 4
    async with open_pages(tmp_path) as pages:
        now = int(time.time())
        await pages.store.run(partial(in_transaction, counts=counts, moment=now))
        browser = await pages.signed_in()
        for span, number in (("hour", 60), ("day", 24), ("week", 56), ("month", 60)):
            page = (await browser.get(f"/admin/?span={span}")).text
            assert page.count('class="column"') == number
            assert "4 turns, 1 failed, 2 with losses" in page
            assert page.count("<polyline") == 4
            told = await ask_json(browser, "GET", f"/admin/api/overview?span={span}")
            assert sum(each["turns"] for each in told["turns"]) == 4
            newest = next(each for each in told["turns"] if each["turns"])
            assert newest["first_chunk_ms"] == {"p50": 250.0, "p95": 295.0}


async def test_the_last_failures_lead_to_their_traces(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        for number, outcome in enumerate([Outcome.TIMEOUT, Outcome.ANSWERED, Outcome.OFFLINE]):
            work = partial(write_turn, name=f"trace_{number}<", outcome=outcome)
            await pages.store.run(work)
        browser = await pages.signed_in()
        page = (await browser.get("/admin/")).text
        assert 'href="/admin/stream_traces/trace_2%3C"' in page
        assert 'href="/admin/stream_traces/trace_0%3C"' in page
        assert "trace_1" not in page
        assert "&lt;b&gt;why&lt;/b&gt;" in page


async def test_turns_that_run_and_providers_with_their_targets_are_shown(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        pages.now.turns.append(RunningTurn("trace_9", None, "chat", 12.0, 3.5, 7))
        pages.surroundings.providers["<zhipu>"] = {
            "answers": 3,
            "failures": 1,
            "first_chunk_ms": {"last": 1.0, "p50": 410.0, "p95": 900.0},
            "targets_met": 2,
            "targets_missed": 1,
            "targets_ms": {"warm": {"first_token": 1000.0, "total": 3000.0}},
        }
        browser = await pages.signed_in()
        page = (await browser.get("/admin/")).text
        assert 'data-trace-id="trace_9"' in page
        assert "3.50 s" in page
        assert "&lt;zhipu&gt;" in page
        assert "410 / 900 ms" in page
        assert "met 2, missed 1" in page


async def test_who_has_asked_is_listed_harmlessly_with_a_way_to_the_traces(tmp_path: Path) -> None:
    wearer = "<anna>&x=1"
    async with open_pages(tmp_path) as pages:
        await pages.store.run(lambda db: add(db, "home"))
        await pages.store.run(
            partial(write_turn, name="trace_1", outcome=Outcome.ANSWERED, user_id=wearer)
        )
        await pages.store.run(bind)
        browser = await pages.signed_in()
        page = (await browser.get("/admin/wearers")).text
        assert "&lt;anna&gt;&amp;x=1" in page
        assert 'href="/admin/stream_traces?wearer=%3Canna%3E%26x%3D1"' in page
        told = await ask_json(browser, "GET", "/admin/api/wearers")
        assert [(each["user_id"], each["bound_bot_id"]) for each in told] == [
            (wearer, None),
            ("bound", 1),
        ]
        assert (await browser.post("/admin/wearers/1/unbind")).location == "/admin/wearers"
        assert pages.store.directory.bots[1].rokid_user_id is None
        assert (await browser.post("/admin/wearers/9/unbind")).status == 404


def bind(db: Database) -> None:
    db.execute("UPDATE bots SET rokid_user_id = 'bound' WHERE id = 1")


def in_transaction(db: Database, counts: TurnCounts, moment: int) -> None:
    with transaction(db):
        write_turn_counts(db, counts, moment)
