"""What the overview shows over time: bounded rows, whatever bots and clocks do."""

from __future__ import annotations

import json
from pathlib import Path

from store_helpers import NOON, opened

from eyeclaw_trio.core.presence import BROKEN, KEPT_HOURS, OFFLINE, ONLINE, UNKNOWN, letter_at
from eyeclaw_trio.core.turn_counts import TurnCounts
from eyeclaw_trio.store.bots import add_bot, remove_bot
from eyeclaw_trio.store.database import Database, transaction
from eyeclaw_trio.store.presence_history import read_presence, write_presence
from eyeclaw_trio.store.turn_statistics import (
    HOUR,
    KEPT,
    MINUTE,
    read_turn_counts,
    write_turn_counts,
)

FIRST = 29_500_000 // 60 * 60  # a minute since 1970 with which an hour begins


def note(db: Database, minute: int, letters: dict[int, str]) -> None:
    with transaction(db):
        write_presence(db, [minute], letters)


def test_a_minute_is_written_into_its_hour_and_the_others_stay_as_they_were(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        home, away = (add_bot(db, name, now=NOON)[0].id for name in ("home", "away"))
        note(db, FIRST + 59, {home: ONLINE, away: OFFLINE})
        note(db, FIRST + 60, {home: BROKEN, away: OFFLINE})
        note(db, FIRST + 62, {home: ONLINE})
        hours = read_presence(db, FIRST // 60)
        assert "".join(letter_at(hours[home], FIRST + n) for n in range(58, 64)) == ".ob.o."
        assert [letter_at(hours[away], FIRST + n) for n in (59, 60, 61)] == [OFFLINE] * 2 + [
            UNKNOWN
        ]
        assert read_presence(db, FIRST // 60 + 1)[home].keys() == {FIRST // 60 + 1}


def test_the_history_of_a_bot_is_bounded_and_no_jump_of_the_clock_empties_it(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        bot, _ = add_bot(db, "home", now=NOON)
        with transaction(db):
            for hour in range(KEPT_HOURS + 5):
                write_presence(db, [FIRST + hour * 60], {bot.id: ONLINE})
        note(db, FIRST + 10_000_000, {bot.id: ONLINE})  # twenty years ahead
        hours = read_presence(db, 0)[bot.id]
    assert len(hours) == KEPT_HOURS
    assert sum(hour < FIRST // 60 + KEPT_HOURS + 5 for hour in hours) == KEPT_HOURS - 1


def test_the_history_goes_with_its_bot_and_none_is_written_of_one_that_is_gone(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as db:
        bot, _ = add_bot(db, "home", now=NOON)
        note(db, FIRST, {bot.id: ONLINE})
        remove_bot(db, bot.id)
        note(db, FIRST, {bot.id: ONLINE})
        assert read_presence(db, 0) == {}


def test_turns_add_up_in_their_minute_and_in_their_hour(tmp_path: Path) -> None:
    one = TurnCounts(turns=1, failed=1)
    one.first_chunk[2] = 1
    with opened(tmp_path) as db:
        for moment in (7200, 7259, 7260):
            with transaction(db):
                write_turn_counts(db, one, moment)
        minutes, hours = (read_turn_counts(db, each, 0) for each in (MINUTE, HOUR))
    assert one.turns == 1
    assert [(each.began, each.counts.turns) for each in minutes] == [(7200, 2), (7260, 1)]
    assert [(each.began, each.counts.failed) for each in hours] == [(7200, 3)]
    assert hours[0].counts.first_chunk[2] == 3


def test_minutes_and_hours_of_turns_are_bounded_by_number(tmp_path: Path) -> None:
    with opened(tmp_path) as db:
        with transaction(db):
            for minute in range(KEPT[MINUTE] + 3):
                write_turn_counts(db, TurnCounts(turns=1), minute * 60)
            write_turn_counts(db, TurnCounts(turns=1), 2_000_000_000)
        minutes = read_turn_counts(db, MINUTE, 0)
    assert len(minutes) == KEPT[MINUTE]
    assert minutes[-2].began == (KEPT[MINUTE] + 2) * 60


def test_counts_that_a_restored_file_brings_and_nobody_understands_are_left_out(
    tmp_path: Path,
) -> None:
    texts = ["{", "[]", '{"turns":"x"}', json.dumps({"first_chunk": [1], "relay": [1]}), "null"]
    with opened(tmp_path) as db:
        with transaction(db):
            for began, text in enumerate(texts):
                db.execute("INSERT INTO turn_counts VALUES (?, ?, ?)", (MINUTE, began, text))
            write_turn_counts(db, TurnCounts(turns=4), 0)
        assert [each.counts.turns for each in read_turn_counts(db, MINUTE, 0)] == [4]
