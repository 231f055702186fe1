"""The fenced block in which a model without tools says an action: cut out of its text as it comes
(PROTOCOL 5, "Actions and follow-ups").

Only what may become the block's first line is held back: at most OPENING's characters, and spaces
behind them.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

OPENING: Final = "```eyeclaw"
CLOSING: Final = "```"
# Characters of a block: beyond that it is no action, and is not kept.
LONGEST_BLOCK: Final = 16_384
_MOST_SPACES: Final = 64  # behind the first line's word
_SPACES: Final = " \t\r"
_PARTS: Final = re.compile(r"[^\n]*\n|[^\n]+")


@frozen
class FencedBlock:
    """What stood between a block's first and last line."""

    text: str


Cut = list[str | FencedBlock]


class ActionFence:
    """Takes a text piece by piece; `finish` ends it."""

    __slots__ = ("_at_line_start", "_block", "_is_closed", "_line", "_size")  # one for each answer

    def __init__(self) -> None:
        self._at_line_start = True  # or within what is no text
        self._line = ""  # what is held of a line
        self._block: list[str] | None = None  # the lines of one that is open
        self._size = 0  # of them, in characters
        self._is_closed = False  # whether the rest of its last line is to come

    def feed(self, text: str) -> Cut:
        """The text goes on: returns what of it is no block, and the blocks that have ended."""
        if not self._at_line_start and "\n" not in text:
            return [text]
        cut: Cut = []
        for part in _PARTS.findall(text):
            if self._block is not None:
                self._take_of_block(part, cut)
            elif self._is_closed:
                self._take_behind_block(part, cut)
            elif self._at_line_start:
                self._take_line_start(part, cut)
            else:
                self._let_through(part, cut)
        return cut

    def finish(self) -> Cut:
        """The text is over: returns what is left of it; a block that is open ends with it."""
        if self._block is not None:
            self._keep(self._line)
            return [FencedBlock("".join(self._block))]
        return [self._line] if self._line else []

    def _let_through(self, part: str, cut: Cut) -> None:
        self._at_line_start = part.endswith("\n")
        if cut and isinstance(cut[-1], str):
            cut[-1] += part
        elif part:
            cut.append(part)

    def _take_line_start(self, part: str, cut: Cut) -> None:
        if not self._line:
            line = part.lstrip(" ")
            if indent := part[: len(part) - len(line)]:
                self._let_through(indent, cut)
                self._at_line_start = True
        else:
            line = self._line + part
        self._line = ""
        if not _may_open(line.removesuffix("\n")):
            self._let_through(line, cut)
        elif not line.endswith("\n"):
            self._line = line
        elif line.startswith(OPENING):
            self._block, self._size = [], 0
        else:
            self._let_through(line, cut)

    def _take_of_block(self, part: str, cut: Cut) -> None:
        self._line += part
        _, closing, behind = self._line.partition(CLOSING)
        if closing and self._line.lstrip(_SPACES).startswith(CLOSING) and self._block is not None:
            cut.append(FencedBlock("".join(self._block)))
            self._block, self._line, self._is_closed = None, "", True
            self._take_behind_block(behind, cut)
        elif part.endswith("\n"):
            self._keep(self._line)
            self._line = ""
        elif len(self._line) > LONGEST_BLOCK:
            self._keep(self._line)
            self._line = "-"  # it cannot be the last line any more

    def _take_behind_block(self, part: str, cut: Cut) -> None:
        rest = part.lstrip(_SPACES)
        if rest:
            self._is_closed = False
            if rest != "\n":
                self._let_through(rest, cut)

    def _keep(self, line: str) -> None:
        self._size += len(line)
        if self._size <= LONGEST_BLOCK and self._block is not None:
            self._block.append(line)


def _may_open(line: str) -> bool:
    if OPENING.startswith(line):
        return True
    behind = line.removeprefix(OPENING)
    return len(behind) < min(len(line), _MOST_SPACES) and not behind.strip(_SPACES)
