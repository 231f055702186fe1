"""How pages show what others have said, times, and which language they speak."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from eyeclaw_trio.admin.view import (
    browser_name,
    language_of,
    moment,
    prose,
    said,
    seconds,
    theme_of,
)


def asked(accepted: str = "", cookie: str = "") -> Request:
    headers = [(b"accept-language", accepted.encode()), (b"cookie", cookie.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("ZH-Hans", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("fr,zh;q=0.1", "zh"),
        ("fr, de", "en"),
        ("zh;q=0", "en"),
        ("zh;q=x, en;q=0.1", "en"),
        ("zh;q=0.5,en;q=0.5", "en"),
        (",;q=,;;;", "en"),
        ("zhx", "en"),
        ("x" * 100_000 + ",zh", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(accepted: str, language: str) -> None:
    assert language_of(asked(accepted)) == language


def test_what_was_chosen_counts_and_nothing_that_is_no_choice() -> None:
    assert language_of(asked("en", "eyeclaw_language=zh")) == "zh"
    assert language_of(asked("zh", "eyeclaw_language=<x>")) == "zh"
    assert theme_of(asked(cookie="eyeclaw_theme=dark")) == "dark"
    assert theme_of(asked(cookie="eyeclaw_theme=pink")) == "auto"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('"onload="x', "&#34;onload=&#34;x"),
        ("a\u202eb\u2066c", "a[U+202E]b[U+2066]c"),
        ("\x1b[31mred", "␛[31mred"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("你好，若琪 👩‍👩‍👧", "你好，若琪 👩‍👩‍👧"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        (None, ""),
        (7, "7"),
    ],
)
def test_the_words_of_others_are_shown_harmlessly(text: object, shown: str) -> None:
    assert said(text) == f"<bdi>{shown}</bdi>"


def test_what_is_long_is_a_click_away_and_what_is_endless_is_cut() -> None:
    shown = said("ab<" * 100, 4)
    assert shown.startswith('<details class="long"><summary><bdi>ab&lt;a…</bdi></summary>')
    assert shown.count("ab&lt;") == 101
    assert len(said("x" * 10_000_000)) < 250_000
    assert said("x" * 10_000_000).endswith("… (10000000)</bdi></details>")
    assert said("x" * 80) == f"<bdi>{'x' * 80}</bdi>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.004, "4 ms"),
        (0.0831, "83 ms"),
        (0.314, "0.31 s"),
        (9.999, "10.00 s"),
        (12.4, "12 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_are_for_people(value: float | None, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.314, "0.31 s"),
        (60, "1 分"),
        (200, "3 分 20 秒"),
        (7_200, "2 小时"),
        (7_500, "2 小时 5 分"),
        (273_600, "3 天 4 小时"),
    ],
)
def test_long_durations_are_told_in_chinese_on_a_chinese_page(value: float, shown: str) -> None:
    assert seconds(value, "zh") == shown


def test_a_moment_can_be_read_by_people_and_by_programs() -> None:
    assert moment("2026-01-31T12:00:05.123Z") == (
        '<time datetime="2026-01-31T12:00:05.123Z">2026-01-31 12:00:05 UTC</time>'
    )
    assert moment(None) == "–"


def test_words_between_backticks_are_code() -> None:
    assert prose("say `eyeclaw <x>` & go") == "say <code>eyeclaw &lt;x&gt;</code> &amp; go"


@pytest.mark.parametrize(
    ("said_of_itself", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari, iPhone"),
        ("curl/8.0", "curl/8.0"),
        ("", "?"),
    ],
)
def test_browsers_are_called_by_their_names(said_of_itself: str, name: str) -> None:
    assert browser_name(said_of_itself) == name
