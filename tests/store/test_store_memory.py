"""What wearers have said, on disk: kept where it may be, bounded, and forgotten when told."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eyeclaw_trio.core.beginnings import Beginning, Beginnings, Context, name_context
from eyeclaw_trio.core.conversation import Exchange
from eyeclaw_trio.core.memory import WEARER, Thread
from eyeclaw_trio.store import memory as module
from eyeclaw_trio.store.bots import add_bot, remove_bot
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.memory import (
    KeptExchange,
    forget,
    list_beginnings,
    list_exchanges,
    write_beginning,
    write_exchange,
)
from eyeclaw_trio.store.snapshot import load_directory

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)


def said(question: str, *, bot_id: int = 1, user_id: str | None = "u1") -> KeptExchange:
    context = context_of(bot_id, user_id)
    thread = Thread(bot_id, user_id, context.name)
    return KeptExchange(context, thread, Exchange(question, f"答{question}"))


def context_of(bot_id: int = 1, user_id: str | None = "u1") -> Context:
    return name_context(bot_id, "per_user", named=None, user_id=user_id, message_id=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(open_database(tmp_path)) as db:
        for name in ("one", "two"):
            add_bot(db, name, "echo", now=NOW)
    return tmp_path


def test_what_was_said_is_there_after_a_restart_in_order(folder: Path) -> None:
    with closing(open_database(folder)) as db, transaction(db):
        for each in ("一", "二"):
            write_exchange(db, said(each), NOW)
    with closing(open_database(folder)) as db:
        assert list_exchanges(db, [1]) == (said("一"), said("二"))


def test_of_bots_that_keep_nothing_any_more_it_is_taken_away(folder: Path) -> None:
    with closing(open_database(folder)) as db:
        with transaction(db):
            write_exchange(db, said("一"), NOW)
            write_exchange(db, said("二", bot_id=2), NOW)
        assert list_exchanges(db, [2]) == (said("二", bot_id=2),)
        assert db.execute("SELECT count(*) FROM exchanges").fetchone() == (1,)


def test_of_one_wearer_only_the_last_exchanges_are_kept(folder: Path) -> None:
    with closing(open_database(folder)) as db:
        with transaction(db):
            write_exchange(db, said("别人", user_id="u2"), NOW)
            for number in range(WEARER.turns + 5):
                write_exchange(db, said(str(number)), NOW)
        kept = [each.exchange.question for each in list_exchanges(db, [1])]
    assert kept == ["别人", *map(str, range(5, WEARER.turns + 5))]


def test_of_all_wearers_only_so_many_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_EXCHANGES", 3)
    with closing(open_database(folder)) as db:
        with transaction(db):
            for number in range(5):
                write_exchange(db, said(str(number), user_id=str(number)), NOW)
        assert [each.exchange.question for each in list_exchanges(db, [1])] == ["2", "3", "4"]


def test_nothing_is_kept_of_a_bot_that_is_gone(folder: Path) -> None:
    with closing(open_database(folder)) as db:
        with transaction(db):
            write_exchange(db, said("一"), NOW)
        remove_bot(db, 1)
        with transaction(db):
            write_exchange(db, said("太晚"), NOW)
        assert db.execute("SELECT count(*) FROM exchanges").fetchone() == (0,)


def test_half_a_character_does_no_harm(folder: Path) -> None:
    with closing(open_database(folder)) as db:
        with transaction(db):
            write_exchange(db, said("\ud800", user_id="\udc00"), NOW)
            write_beginning(db, Beginning(1, 1, name="\ud800"))
        assert len(list_exchanges(db, [1])) == 1


def test_what_begins_anew_is_in_the_directory_and_its_words_are_gone(folder: Path) -> None:
    beginning = Beginning(MS, 1, name="bot_1_user_u1")
    with closing(open_database(folder)) as db:
        with transaction(db):
            write_exchange(db, said("一"), NOW)
            write_exchange(db, said("二", user_id="u2"), NOW)
            write_beginning(db, beginning)
            write_beginning(db, Beginning(MS - 5, 1, name="bot_1_user_u1"))  # never back
        assert load_directory(db).beginnings == list_beginnings(db) == (beginning,)
        assert list_exchanges(db, [1]) == (said("二", user_id="u2"),)


@pytest.mark.parametrize(
    ("bot_id", "user_id", "left"),
    [
        (None, None, []),
        (1, None, ["三"]),
        (None, "u1", ["二"]),
        (1, "u1", ["二", "三"]),
        (2, "u9", ["一", "二", "三"]),
    ],
)
def test_forgetting_takes_what_it_names_and_leaves_the_rest(
    folder: Path, bot_id: int | None, user_id: str | None, left: list[str]
) -> None:
    all_said = [said("一"), said("二", user_id="u2"), said("三", bot_id=2)]
    with closing(open_database(folder)) as db:
        with transaction(db):
            for each in all_said:
                write_exchange(db, each, NOW)
        assert forget(db, bot_id=bot_id, user_id=user_id, now=NOW) == 3 - len(left)
        assert [each.exchange.question for each in list_exchanges(db, [1, 2])] == left
        beginnings = Beginnings(list_beginnings(db))
        anew = [each for each in all_said if beginnings.number_of(each.context)]
        assert [each.exchange.question for each in all_said if each not in anew] == left
        # Twice in one moment, or with a clock that was set back: another conversation each time.
        forget(db, bot_id=bot_id, user_id=user_id, now=NOW - timedelta(days=1))
        (again,) = list_beginnings(db)
        assert again.number == MS + 1


def test_beyond_the_most_names_the_older_half_of_the_bot_that_has_most_becomes_one_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 10)
    modest = Beginning(3, 2, name="bot_2")
    with closing(open_database(folder)) as db:
        with transaction(db):
            write_beginning(db, modest)
            for number in range(11, 21):
                write_beginning(db, Beginning(number, 1, name=f"bot_1_user_{number}"))
        assert list_beginnings(db) == (
            modest,
            Beginning(16, 1),
            *(Beginning(number, 1, name=f"bot_1_user_{number}") for number in range(17, 21)),
        )
