"""Tables on a terminal of 80 columns and of less, and in every encoding."""

from __future__ import annotations

import io
import json
import sys

import pytest
import zxingcpp
from PIL import Image

from eyeclaw_trio.cli.showing import draw_code, show_table
from eyeclaw_trio.client.display import echo_json
from eyeclaw_trio.core.binding import write_code

ROWS = [
    {"id": 1, "name": "n" * 30, "wearer": "w" * 32, "when": "2026-01-31 13:00"},
    {"id": 22, "name": "a name of words", "wearer": None, "when": "2026-01-31 13:00"},
]
WHOLE = ("id", "wearer", "when")


class _Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="replace")

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


def drawn(monkeypatch: pytest.MonkeyPatch, columns: int, encoding: str = "utf-8") -> str:
    terminal = _Terminal(encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    show_table(ROWS, list(ROWS[0]), whole=WHOLE)
    return terminal.text()


@pytest.mark.parametrize("columns", [80, 40, 10])
def test_what_is_to_be_copied_is_never_broken_nor_cut(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    lines = drawn(monkeypatch, columns).splitlines()
    assert any("w" * 32 in line and "2026-01-31 13:00" in line for line in lines)
    if columns == 80:
        assert max(map(len, lines)) <= 80


def test_other_words_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, 75)
    assert text.count("n") > 30
    assert "n" * 30 not in text


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "gbk"])
def test_a_terminal_without_a_character_shows_another_and_json_an_escape(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    assert "2026-01-31" in drawn(monkeypatch, 80, encoding)
    terminal = _Terminal(encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    echo_json({"text": "你好 – ✓ é"})
    monkeypatch.undo()
    assert json.loads(terminal.text()) == {"text": "你好 – ✓ é"}


def test_a_code_that_is_drawn_in_characters_can_be_read() -> None:
    text = write_code(b"\x05" * 16)
    lines = draw_code(text)
    assert len({len(line) for line in lines}) == 1
    picture = Image.new("L", (len(lines[0]), 2 * len(lines)), 0)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            upper, lower = {" ": (0, 0), "▀": (255, 0), "▄": (0, 255), "█": (255, 255)}[character]
            picture.putpixel((column, 2 * row), upper)
            picture.putpixel((column, 2 * row + 1), lower)
    large = picture.resize((8 * picture.width, 8 * picture.height), Image.Resampling.NEAREST)
    [found] = zxingcpp.read_barcodes(large)
    assert found.text == text
