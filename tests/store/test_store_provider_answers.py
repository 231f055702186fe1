"""What providers took is kept: the newest of each, across restarts, without anybody waiting."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from eyeclaw_trio.core.provider_timing import ProviderAnswer, Segments
from eyeclaw_trio.core.timings import WINDOW
from eyeclaw_trio.errors import Reason
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.provider_answers import list_provider_answers, write_provider_answer
from eyeclaw_trio.store.store import open_store

ANSWER = ProviderAnswer(
    "zhipu", Segments(0.1, 0.2, 0.21, 0.5, 0.6, 2.5), is_cold=True, http_version="HTTP/1.1"
)
FAILURE = ProviderAnswer("hunyuan", Segments(request_sent=0.1), False, "", Reason.MODEL_BUSY)


async def test_what_a_gateway_has_noted_is_there_after_its_end(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        store.provider_answered(ANSWER)
        store.provider_answered(FAILURE)
    with closing(open_database(tmp_path)) as db:
        kept = list_provider_answers(db)
    assert [each.answer for each in kept] == [ANSWER, FAILURE]
    assert all(each.ended_at.endswith("Z") for each in kept)


def test_only_the_newest_of_each_provider_are_kept(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as db, transaction(db):
        write_provider_answer(db, FAILURE, "0")
        for number in range(WINDOW + 50):
            write_provider_answer(db, ANSWER, f"{number}")
    with closing(open_database(tmp_path)) as db:
        stamps = [each.ended_at for each in list_provider_answers(db)]
    assert len(stamps) == WINDOW + 1
    assert (stamps[1], stamps[-1]) == ("50", f"{WINDOW + 49}")


def test_a_reason_of_a_newer_version_is_a_failure_all_the_same(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as db:
        with transaction(db):
            write_provider_answer(db, FAILURE, "0")
            db.execute("UPDATE provider_answers SET reason = 'model_on_strike'")
        (kept,) = list_provider_answers(db)
    assert kept.answer.reason is Reason.UNKNOWN
