"""A row of a table as it is heard: its cells one after the other, with a comma between them."""

from __future__ import annotations

import re
from typing import Final

from eyeclaw_trio.core.inline_text import InlineText

_BAR: Final = re.compile(r"\|")
_SPACES: Final = " \t\r"
_RUN_OF_SPACES: Final = re.compile(r"[ \t\r]+")


class TableRow:
    """Takes a row piece by piece; `finish` ends it, and the next may begin."""

    __slots__ = ("_has_text", "_inline", "_last", "_said", "_waits_with_space")

    def __init__(self, inline: InlineText) -> None:
        self._inline = inline
        self._last = ""  # character of the row
        self._said = ""  # the last character that was said of it
        self._has_text = False  # the cell, so far
        self._waits_with_space = False

    def feed(self, part: str) -> str:
        """The row goes on: returns what may be said now."""
        said: list[str] = []
        at = 0
        for bar in _BAR.finditer(part):
            before = part[bar.start() - 1] if bar.start() else self._last
            if before != "\\":
                said.append(self._go_on(part[at : bar.start()]))
                said.append(self._end_cell())
                at = bar.end()
        said.append(self._go_on(part[at:]))
        self._last = part[-1:] or self._last
        return "".join(said)

    def finish(self) -> str:
        """The row is over: returns what is left of it."""
        said = self._end_cell()
        self._last = self._said = ""
        return said

    def _go_on(self, part: str) -> str:
        text = _RUN_OF_SPACES.sub(" ", part.strip(_SPACES))
        if not text:
            self._waits_with_space = self._has_text and (self._waits_with_space or bool(part))
            return ""
        between = ""
        if self._has_text:
            text = " " + text if self._waits_with_space or part[0] in _SPACES else text
        elif self._said:
            between = ", " if self._said.isascii() else "，"
            self._said = ""
        self._has_text = True
        self._waits_with_space = part[-1] in _SPACES
        return between + self._note(self._inline.feed(text))

    def _end_cell(self) -> str:
        self._has_text = self._waits_with_space = False
        return self._note(self._inline.finish())

    def _note(self, said: str) -> str:
        self._said = said[-1:] or self._said
        return said
