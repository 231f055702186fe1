"""The log: what others said in it does no harm, on a terminal and as JSON."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from eyeclaw_trio.logs import KEPT_LINES, LONGEST_KEPT, RecentLines, configure_logging

HOSTILE = "\x1b]0;title\x07 a\x9b2J b\u202ec\u2066\nbot.unlinked \ud800"
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")
COLOURS = re.compile(r"\x1b\[\d*m")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


both = pytest.mark.parametrize("stream_type", [_Terminal, io.StringIO])


@contextmanager
def logging_to(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, recent: RecentLines | None = None
) -> Iterator[None]:
    monkeypatch.setattr(sys, "stderr", stream)
    before, root = structlog.get_config(), logging.getLogger()
    handlers = root.handlers[:]
    root.handlers[:] = []
    configure_logging(recent=recent)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        structlog.configure(**before)


def lines_of(stream: io.StringIO) -> list[str]:
    return COLOURS.sub("", stream.getvalue()).splitlines()


@both
def test_what_a_peer_said_is_one_harmless_line(
    stream_type: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_type()
    with logging_to(stream, monkeypatch):
        structlog.get_logger("x").info("turn.bot_error", said=HOSTILE, nested={"words": [HOSTILE]})
    (line,) = lines_of(stream)
    assert not HARMFUL.search(line)
    assert "title a2J bc bot.unlinked" in line


@both
def test_a_traceback_keeps_its_lines_and_nothing_else_of_that(
    stream_type: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_type()
    with logging_to(stream, monkeypatch):
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            structlog.get_logger("x").exception("request.bug")
    shown = stream.getvalue()
    if not stream.isatty():
        shown = json.loads(shown)["exception"]
    shown = COLOURS.sub("", shown)
    assert "ValueError: ]0;title a2J bc\nbot.unlinked" in shown
    assert not HARMFUL.search(shown)


@both
def test_a_librarys_warning_does_no_harm_either(
    stream_type: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_type()
    with logging_to(stream, monkeypatch):
        logging.getLogger("library").warning("peer said %s", HOSTILE)
    assert stream.getvalue().startswith("library: peer said ]0;title a2J bc\n")
    assert not HARMFUL.search(stream.getvalue())


@both
def test_the_newest_lines_are_kept_and_do_no_harm(
    stream_type: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = RecentLines()
    with logging_to(stream_type(), monkeypatch, recent):
        structlog.get_logger("x").info("turn.finished", ms=5, said=HOSTILE)
        structlog.get_logger("x").debug("not.at.info")
        logging.getLogger("hypercorn").warning("odd: %s", HOSTILE)
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            structlog.get_logger("x").exception("a.bug")
    bug, library, turn = recent.newest()
    assert [each.number for each in (turn, library, bug)] == [1, 2, 3]
    assert (turn.level, turn.event) == ("info", "turn.finished")
    assert json.loads(turn.values)["ms"] == 5
    assert (library.level, library.event) == ("warning", "hypercorn")
    assert "Traceback" in json.loads(bug.values)["exception"]
    for line in (turn, library, bug):
        assert not HARMFUL.search(line.event + line.values)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.at)


def test_the_kept_lines_are_bounded_in_number_and_in_length() -> None:
    recent = RecentLines()
    for number in range(KEPT_LINES + 10):
        recent.add("2026-01-01T00:00:00Z", "info", f"event.{number}", "x" * 2 * LONGEST_KEPT)
    lines = list(recent.newest())
    assert len(lines) == KEPT_LINES
    assert lines[0].event == f"event.{KEPT_LINES + 9}"
    assert len(lines[0].values) == LONGEST_KEPT + 1


def test_older_lines_are_paged_by_their_number() -> None:
    recent = RecentLines()
    for number in range(1, 8):
        recent.add("", "info", str(number), "")
    assert [each.event for each in recent.newest(3)] == ["7", "6", "5"]
    assert [each.event for each in recent.newest(3, before=5)] == ["4", "3", "2"]
    assert not list(recent.newest(3, before=1))
