"""What is said of a set-up, fact by fact."""

from __future__ import annotations

import pytest

from eyeclaw_trio.core.checkup import Facts
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.core.doctor import (
    FolderFacts,
    StreamTimes,
    judge_certificate,
    judge_clock,
    judge_facts,
    judge_files,
    judge_folder,
    judge_plain_http,
    judge_stream,
    judge_wrong_key,
)

NOW = 1_790_000_000.0
DAY = 86_400.0


def told(found: Diagnosis | None, check: str, state: str) -> str:
    """The text, of a diagnosis that is what it should be; whatever is wrong says what helps."""
    assert found is not None
    assert (found.check, found.state) == (check, state)
    assert state == "ok" or found.fix
    return found.text


def facts(**more: object) -> Facts:
    plain: dict[str, object] = {
        "status": "ok",
        "active_keys": 1,
        "bots": {"home": True},
        "has_default_bot": True,
        "public_host": "127.0.0.1",
        "is_on_loopback": True,
        "has_tls": False,
        "unix_time": NOW,
        "disk_free": 10**12,
        "is_degraded": False,
        "dropped_writes": 0,
    }
    return Facts(**{**plain, **more})  # type: ignore[arg-type]


def test_a_folder_that_is_missing_foreign_or_open_is_told_with_what_helps() -> None:
    assert "no data folder" in told(judge_folder(FolderFacts("/d", False)), "data", "warn")
    fixed = judge_folder(FolderFacts("/d", True, "me", is_read_only=True))
    assert "/d is read-only" in told(fixed, "data", "fail")
    assert "remount,rw" in str(fixed.fix)
    foreign = judge_folder(FolderFacts("/d", True, "bob", is_ours=False))
    assert "belongs to bob" in told(foreign, "data", "fail")
    assert "runuser -u bob" in str(foreign.fix)
    assert "write to" in told(judge_folder(FolderFacts("/d", True, mode=0o777)), "data", "fail")
    assert "look into" in told(judge_folder(FolderFacts("/d", True, mode=0o755)), "data", "warn")
    told(judge_folder(FolderFacts("/d", True)), "data", "ok")


def test_a_clock_that_is_behind_what_was_written_or_off_by_a_day_is_told() -> None:
    told(judge_clock(NOW, NOW - DAY, []), "clock", "ok")
    assert "1.0 days behind what was written" in told(
        judge_clock(NOW, NOW + DAY, []), "clock", "fail"
    )
    assert "1.0 days behind that of others" in told(
        judge_clock(NOW, None, [NOW + DAY]), "clock", "fail"
    )
    assert "30 minutes before" in told(judge_clock(NOW, None, [NOW - 1800]), "clock", "fail")
    assert "agrees" in told(judge_clock(NOW, NOW, [NOW + 3]), "clock", "ok")


def test_too_few_files_are_told_with_how_many_connections_they_are_enough_for() -> None:
    told(judge_files(None, 10_256, 256), "files", "ok")
    told(judge_files(20_000, 10_256, 256), "files", "ok")
    assert "768 connections" in told(judge_files(1024, 10_256, 256), "files", "warn")
    told(judge_files(256, 10_256, 256), "files", "fail")


def test_a_certificate_that_ends_within_two_weeks_should_have_been_renewed() -> None:
    told(judge_certificate("g", NOW + 60 * DAY, NOW), "certificate", "ok")
    assert "3 days" in told(judge_certificate("g", NOW + 3 * DAY, NOW), "certificate", "warn")
    told(judge_certificate("g", NOW - DAY, NOW), "certificate", "fail")


def test_an_answer_that_comes_at_its_end_was_collected() -> None:
    told(judge_stream(StreamTimes(0.1, 1.4, 25)), "stream", "ok")
    assert "collected" in told(judge_stream(StreamTimes(1.39, 1.4, 25)), "stream", "fail")
    # A slow model, whose pieces come apart once it speaks.
    told(judge_stream(StreamTimes(2.0, 4.0, 30)), "stream", "ok")
    told(judge_stream(StreamTimes(0.1, 0.2, 25)), "stream", "warn")
    told(judge_stream(StreamTimes(1.0, 1.0, 1)), "stream", "warn")


@pytest.mark.parametrize(("status", "state"), [(401, "ok"), (200, "fail"), (403, "warn")])
def test_a_wrong_key_must_get_401(status: int, state: str) -> None:
    told(judge_wrong_key(status), "wrong_key", state)


def test_plain_http_is_nothing_or_leads_to_https() -> None:
    told(judge_plain_http(None, ""), "plain_http", "ok")
    told(judge_plain_http(308, "https://glasses.example/health"), "plain_http", "ok")
    told(judge_plain_http(200, ""), "plain_http", "warn")
    told(judge_plain_http(302, "http://elsewhere.example/"), "plain_http", "warn")


def test_the_findings_of_a_look_keep_the_name_of_what_was_looked_at() -> None:
    found = {each.check: each for each in judge_facts(facts(), is_running=True)}
    assert {each.state for each in found.values()} == {"ok"}
    worse = facts(active_keys=0, has_default_bot=False, bots={"home": False}, disk_free=1000)
    worst = {each.check: each for each in judge_facts(worse, is_running=True)}
    assert worst.keys() - found.keys() == {"default_bot"}
    assert [worst[each].state for each in ("keys", "bots", "disk", "default_bot")] == [
        *("fail", "fail", "fail"),
        "warn",
    ]


def test_without_a_gateway_nothing_is_said_of_who_is_online() -> None:
    found = {each.check for each in judge_facts(facts(bots={"home": False}), is_running=False)}
    assert found == {"keys", "listener", "disk"}
