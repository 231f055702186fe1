"""Markdown as it comes, without its markers: a reader's text, in the writer's lines and spaces.

What comes out is what went in, with markers left out (and entities resolved, and commas between
the cells of a table): nothing else is ever changed. Only what may still become a marker is held
back, and never more than LONGEST_HELD characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

from eyeclaw_trio.core.inline_text import HELD, InlineText
from eyeclaw_trio.core.line_start import (
    Container,
    Leaf,
    Line,
    LineKind,
    Open,
    count_columns,
    read_line,
)
from eyeclaw_trio.core.table_row import TableRow

# Characters of a line's beginning that may be held until it is clear what the line is: so long
# may the head of a table be, or the word behind the beginning of a fence.
LINE: Final = 160
# Characters that may be held in all: the rest of a block whose marker waits for its partner, the
# head of a table, and the beginning of the next line.
LONGEST_HELD: Final = HELD + 2 * LINE

# What may begin a marker in the middle of a line, or ends it.
MARKED: Final = re.compile(r"[`*_\[\]!<&\\\n]")
# Of a line's beginning, what is kept whatever the line becomes: it need not wait.
_EARLY: Final = re.compile(r"[ \t\r]*(?:[0-9]{1,9}[.)]?[ \t\r]*)?")
# What begins no block, however the line goes on; what needs more to say; and a heading.
_PLAIN: Final = re.compile(
    r"[^\s#>`~*_+=|0-9-]|\*{1,2}(?=[^\s*])|`{1,2}(?=[^\s`])|[0-9]+(?=[^\s0-9.)])|[-+](?=[^\s+-])"
)
_OPEN: Final = re.compile(r"(?:[0-9]{1,9}(?:[.)] ?)?|[-+] ?|\*{1,2}|#{1,6}|`{1,2})\Z")
_HEADING: Final = re.compile(r"#{1,6}(?= )")
# An item of a list that begins with text.
_ITEM: Final = re.compile(r"(?:[-+*]|(\d{1,9})[.)]) (?=[^\s#>`~*_+=|0-9-])", re.ASCII)
_SIMPLE_LEAVES: Final = (Leaf.NONE, Leaf.PARAGRAPH, Leaf.CODE)
_SPACES: Final = " \t\r"


class _At(Enum):
    """Where in a line the text has come to."""

    BEGINNING = "its kind is not known"
    TEXT = "text"
    HEADING = "heading"
    CODE = "code"
    ROW = "row of a table"


# A look at a member of an enum costs as much as two calls before Python 3.12.
_BEGINNING: Final = _At.BEGINNING
_TEXT: Final = _At.TEXT
_CODE: Final = _At.CODE
_ROW: Final = _At.ROW
_GOES_ON: Final = LineKind.GOES_ON
_BLANK: Final = Line(LineKind.BLANK, ())
_PARAGRAPH: Final = Line(LineKind.PARAGRAPH, ())


class Markdown:
    """Takes a text piece by piece; `finish` ends it."""

    __slots__ = (  # one for each answer
        "_at",
        "_begun",
        "_closing",
        "_has_heading",
        "_head",
        "_inline",
        "_open",
        "_passed",
        "_row",
    )

    def __init__(self) -> None:
        self._inline = InlineText()
        self._row = TableRow(self._inline)
        self._open = Open()
        self._at = _BEGINNING
        self._begun = ""  # the line so far, while its kind is not known
        self._passed = 0  # characters of it that have been passed on
        self._head = ""  # the line before, while it may be the head of a table
        self._closing = ""  # the end of a heading, which may close it
        self._has_heading = False  # whether the heading has any text

    @property
    def in_text(self) -> InlineText | None:
        """What takes text without anything MARKED just as well, if it stands in a text."""
        return self._inline if self._at is _TEXT else None

    @property
    def may_be_code(self) -> bool:
        """Whether what comes next is code, or may be."""
        if self._at is _BEGINNING:
            return self._open.leaf is Leaf.FENCE or "`" in self._begun
        return self._at is _CODE or self._inline.may_be_code

    def feed(self, text: str) -> str:
        """The text goes on: returns what may be said now."""
        if self._at is _TEXT and "\n" not in text:
            return self._inline.feed(text)
        said: list[str] = []
        at = 0
        while at < len(text):
            end = text.find("\n", at)
            part = text[at:end] if end >= 0 else text[at:]
            if self._at is _BEGINNING:
                part = part[: LINE - len(self._begun)]
                is_whole = at + len(part) == end and len(self._begun) + len(part) < LINE
                said.append(self._begin(part, is_whole=is_whole))
            else:
                is_whole = end >= 0
                said.append(self._go_on(part))
            at += len(part)
            if is_whole:
                said.append(self._end_line())
                at += 1
        return "".join(said)

    def finish(self) -> str:
        """The text is over: returns what is left of it."""
        if self._at is not _BEGINNING:
            return self._end_block()
        if not self._begun:
            return self._release_head("\n") + self._end_block()
        said = self._begin("", is_whole=True)
        return said + self._release_head("") + self._end_block()

    # ---- within a line --------------------------------------------------------------------------

    def _go_on(self, part: str) -> str:
        at = self._at
        if at is _TEXT:
            return self._inline.feed(part)
        if at is _CODE:
            return part
        return self._row.feed(part) if at is _ROW else self._go_on_with_heading(part)

    def _go_on_with_heading(self, part: str) -> str:
        said: list[str] = []
        while part:
            room = LINE - len(self._closing)
            text, part = self._closing + part[:room], part[room:]
            inner = text.rstrip(_SPACES).rstrip("#").rstrip(_SPACES)
            if len(text) - len(inner) == LINE:
                inner = text
            self._closing = text[len(inner) :]
            self._has_heading = self._has_heading or bool(inner)
            said.append(self._inline.feed(inner))
        return "".join(said)

    def _end_line(self) -> str:
        """The newline has come."""
        ended, self._at = self._at, _BEGINNING
        self._begun, self._passed = "", 0
        if ended is _TEXT:
            return self._inline.feed("\n")
        if ended is _CODE:
            return "\n"
        # A line that never got beyond its beginning is dropped, or kept to see what follows.
        return "" if ended is _BEGINNING else self._end_block() + "\n"

    def _end_block(self) -> str:
        if not self._closing and self._open.leaf is not Leaf.TABLE:
            return self._inline.finish()
        closing, self._closing = self._closing, ""
        if not (self._has_heading and closing.startswith("#")):  # that would be a word of its text
            closing = closing.replace("#", "")
        return self._inline.feed(closing) + self._row.finish()

    # ---- where a line begins --------------------------------------------------------------------

    def _begin(self, part: str, *, is_whole: bool) -> str:
        self._begun += part
        line = self._read_line(is_whole=is_whole)
        if line is None:
            return self._pass_early()
        said = "" if line.kind is LineKind.DELIMITERS else self._release_head("\n")
        if line.kind is LineKind.TABLE_HEAD:
            return said + self._keep_head(line)
        if line.kind is not LineKind.GOES_ON:
            said += self._end_block()
        return said + self._take(line)

    def _read_line(self, *, is_whole: bool) -> Line | None:
        begun, before = self._begun, self._open
        if not begun and is_whole and not before.containers and before.leaf in _SIMPLE_LEAVES:
            return _BLANK
        if not before.columns and (before.containers or before.leaf in _SIMPLE_LEAVES):
            # What begins at the edge goes on with no container, but with a paragraph in one.
            is_in_paragraph = before.leaf is Leaf.PARAGRAPH
            if _PLAIN.match(begun):
                if is_in_paragraph:
                    return Line(LineKind.GOES_ON, before.containers)
                return _PARAGRAPH
            if not is_whole and _OPEN.match(begun):
                return None
            if heading := _HEADING.match(begun):
                return Line(LineKind.HEADING, (), (False,) * heading.end())
            item = _ITEM.match(begun)
            if item is not None and (item[1] is None or before.containers or not is_in_paragraph):
                container = Container(item.end(), is_begun=True)
                kept = (item[1] is not None,) * (item.end() - 1)
                return Line(LineKind.PARAGRAPH, (container,), kept)
        return read_line(begun, before, is_whole=is_whole, is_forced=len(begun) >= LINE)

    def _pass_early(self) -> str:
        if self._head or self._open.leaf is Leaf.TABLE or not self._inline.is_idle:
            return ""
        early = _EARLY.match(self._begun)
        end = early.end() if early is not None else 0
        passed, self._passed = self._passed, max(self._passed, end)
        return self._begun[passed : self._passed]

    def _take(self, line: Line) -> str:
        """The line's kind is known."""
        begun, passed = self._begun, self._passed
        before, rest = split_markers(begun, line.kept)
        text = (before + rest)[passed:]
        if line.kind is not _GOES_ON:
            self._open = Open(line.containers, line.kind.leaf, line.fence)
        elif self._open.columns:
            self._open = Open(line.containers, Leaf.PARAGRAPH)
        if line.kind.leaf is Leaf.PARAGRAPH:
            self._at = _TEXT
            self._inline.pass_by(begun[:passed])
            return self._inline.feed(text)
        match line.kind:
            case LineKind.HEADING:
                self._at = _At.HEADING
                self._has_heading = False
                return self._go_on_with_heading(text)
            case LineKind.CODE | LineKind.FENCED | LineKind.BLANK:
                self._at = _CODE
                return text
            case LineKind.ROW:
                self._at = _ROW
                return self._row.feed(text)
            case LineKind.DELIMITERS:
                head, self._head = self._head, ""
                return self._row.feed(head) + self._end_block() + "\n"
            case _:  # the line is dropped
                return before[passed:]

    def _keep_head(self, line: Line) -> str:
        said = "" if line.goes_on else self._end_block()
        before, rest = split_markers(self._begun, line.kept)
        self._head = rest
        self._open = Open(line.containers, Leaf.PARAGRAPH, columns=count_columns(rest))
        return said + self._inline.feed(before[self._passed :])

    def _release_head(self, behind: str) -> str:
        """The line before is no table's head, but text."""
        head, self._head = self._head, ""
        return self._inline.feed(head + behind) if head else ""


def split_markers(begun: str, kept: Sequence[bool]) -> tuple[str, str]:
    """What stands before a line's text without its markers, each with one space behind it, and
    the text."""
    if not kept:
        text = begun.lstrip(_SPACES)
        return begun[: len(begun) - len(text)], text
    before: list[str] = []
    marks = iter(kept)
    mark = next(marks, None)
    was_dropped = False
    for place, character in enumerate(begun):
        if character in _SPACES:
            if not was_dropped:
                before.append(character)
            was_dropped = False
        elif mark is None:
            return "".join(before), begun[place:]
        else:
            if mark:
                before.append(character)
            was_dropped = not mark
            mark = next(marks, None)
    return "".join(before), ""
