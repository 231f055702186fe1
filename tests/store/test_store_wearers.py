"""Who has asked, and which bots say no summary."""

from __future__ import annotations

from pathlib import Path

from store_helpers import NOON, opened
from trace_helpers import end_trace, make_trace

from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.database import Database, transaction
from eyeclaw_trio.store.traces import write_trace
from eyeclaw_trio.store.wearers import Wearer, find_bots_without_summary, list_wearers


def write_turn(
    db: Database, name: str, user_id: str | None, bot_id: int, total: int | None = None
) -> None:
    trace = end_trace(make_trace(name, user_id=user_id))
    trace.bot_id, trace.total_chunks = bot_id, total
    with transaction(db):
        write_trace(db, trace, NOON, 0.0)


def test_the_latest_to_ask_come_first_and_behind_them_who_is_only_bound(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        for name in ("home", "away"):
            add_bot(db, name, now=NOON)
        db.execute("UPDATE bots SET rokid_user_id = 'quiet' WHERE id = 1")
        db.execute("UPDATE bots SET rokid_user_id = 'anna' WHERE id = 2")
        for number, (user, bot) in enumerate([("anna", 2), ("<b>", 1), (None, 1), ("anna", 1)]):
            write_turn(db, f"trace_{number}", user, bot)
        stamp = "2026-01-31T12:00:00.000Z"
        assert list_wearers(db) == (
            Wearer("anna", 2, stamp, 1, 2),
            Wearer("<b>", 1, stamp, 1, None),
            Wearer("quiet", 0, None, None, 1),
        )


def test_a_bot_that_never_says_a_summary_is_an_old_one_and_one_answer_does_not_tell(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        for name, provider in (("old", None), ("new", None), ("echo", "echo"), ("young", None)):
            add_bot(db, name, provider, now=NOON)
        for number in range(3):
            write_turn(db, f"old_{number}", "anna", 1)
            write_turn(db, f"new_{number}", "anna", 2, total=None if number else 4)
            write_turn(db, f"echo_{number}", "anna", 3)
        write_turn(db, "young", "anna", 4)
        assert find_bots_without_summary(db) == {1}
