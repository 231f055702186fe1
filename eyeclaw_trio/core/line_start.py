"""What a line of Markdown is, read from how it begins: which blocks go on, end and begin with it.

CommonMark's rules for containers (quotes, list items) and leaves, without HTML blocks and link
definitions, and with tables whose lines begin with `|`. Tabs are expanded and `\\r` is a space.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from attrs import define, field

_RULE: Final = re.compile(r"(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})\Z")
_RULE_BEGUN: Final = re.compile(r"(?:\*[* ]*|-[- ]*|_[_ ]*)\Z")
_UNDERLINE: Final = re.compile(r"(?:=+|-+) *\Z")
_HASHES: Final = re.compile(r"#{1,6}(?= |\Z)")
_HASHES_BEGUN: Final = re.compile(r"#{1,6}\Z")
_FENCE: Final = re.compile(r"(`{3,})[^`]*\Z|(~{3,})")
_FENCE_BEGUN: Final = re.compile(r"`{1,2}\Z|~{1,2}\Z|`{3,}[^`]*\Z|~{3,}")
_BULLET: Final = re.compile(r"[*+-](?= |\Z)")
_NUMBER: Final = re.compile(r"(\d{1,9})[.)](?= |\Z)", re.ASCII)
_NUMBER_BEGUN: Final = re.compile(r"\d{1,9}\Z", re.ASCII)
_DELIMITERS: Final = re.compile(r"\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *\Z")
_DELIMITERS_BEGUN: Final = re.compile(r"[|:\- ]*\Z")


class Leaf(Enum):
    """The block that text stands in."""

    NONE = "none"
    PARAGRAPH = "paragraph"
    CODE = "indented code"
    FENCE = "fenced code"
    TABLE = "table"


class LineKind(Enum):
    """What a line is; `leaf` is what is open behind it."""

    BLANK = "blank", Leaf.NONE
    GOES_ON = "goes on with a paragraph", Leaf.PARAGRAPH
    PARAGRAPH = "begins a paragraph", Leaf.PARAGRAPH
    HEADING = "heading", Leaf.NONE
    CODE = "indented code", Leaf.CODE
    FENCED = "in a fence", Leaf.FENCE
    FENCE_BEGINS = "fence begins", Leaf.FENCE
    FENCE_ENDS = "fence ends", Leaf.NONE
    RULE = "rule", Leaf.NONE
    TABLE_HEAD = "perhaps the head of a table", Leaf.NONE
    DELIMITERS = "between a table's head and its rows", Leaf.TABLE
    ROW = "row of a table", Leaf.TABLE

    def __init__(self, _: str, leaf: Leaf) -> None:
        self.leaf = leaf


@define
class Container:
    """A quote, or a list item whose lines are indented by so many columns."""

    indent: int = 0
    """0 for a quote."""
    is_begun: bool = False
    """Whether anything stands in it: a blank line ends an item that has nothing."""


@define  # made for every line: frozen at run time it costs a microsecond more
class Open:
    """What is open when a line begins. `fence` is what a fence was opened with."""

    containers: tuple[Container, ...] = ()
    leaf: Leaf = Leaf.NONE
    fence: str = ""
    columns: int = 0
    """Of the line before, where it may be a table's head; else 0."""


@define
class Line:
    """A line's kind, the containers that it is in, and which of the characters before its text
    (spaces aside) are kept: those of list numbers are, markers are not."""

    kind: LineKind
    containers: tuple[Container, ...]
    kept: tuple[bool, ...] = ()
    fence: str = ""
    goes_on: bool = False
    """Whether it goes on with the paragraph before, if it is text."""


def read_line(begun: str, before: Open, *, is_whole: bool, is_forced: bool = False) -> Line | None:
    """What a line is that begins like this; None where more of it is needed to say.

    `is_whole` says that this is all of it. Where `is_forced`, it is text if it may still be.
    """
    line = begun.replace("\r", " ").expandtabs(4)
    reading = _LineReading(line, before, is_whole)
    found = reading.read()
    if found is None and is_forced:
        return reading.as_text()
    return found


def count_columns(row: str) -> int:
    """How many cells this row of a table has."""
    inner = row.strip()
    inner = inner.removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return len(re.findall(r"(?<!\\)\|", inner)) + 1


@define
class _LineReading:
    _line: str
    _before: Open
    _is_whole: bool
    _at: int = 0
    _leaf: Leaf = Leaf.NONE
    _containers: list[Container] = field(factory=list)
    _kept: list[bool] = field(factory=list)
    _is_matched: bool = True
    """Whether all containers go on."""
    _may_go_on: bool = False
    """Whether what begins no block goes on with the paragraph."""
    _interrupts: bool = False
    """Whether a block that begins now interrupts a paragraph right here."""

    def read(self) -> Line | None:
        self._leaf = self._before.leaf
        if not self._match_containers():
            return None
        if not self._is_matched and self._leaf is not Leaf.PARAGRAPH:
            self._leaf = Leaf.NONE
        self._may_go_on = self._leaf is Leaf.PARAGRAPH
        self._interrupts = self._may_go_on and self._is_matched
        if self._leaf is Leaf.FENCE:
            return self._read_fenced()
        return self._read_block()

    def as_text(self) -> Line:
        """The line as text, whatever it may have become."""
        if self._leaf is Leaf.FENCE:
            return self._found(LineKind.FENCED)
        if self._may_go_on:
            return Line(LineKind.GOES_ON, self._before.containers, tuple(self._kept))
        return self._found(LineKind.ROW if self._leaf is Leaf.TABLE else LineKind.PARAGRAPH)

    # ---- containers -----------------------------------------------------------------------------

    def _match_containers(self) -> bool:
        """False where more is needed to say."""
        for container in self._before.containers:
            place = self._skip_spaces()
            is_blank = place == len(self._line)
            if is_blank and not self._is_whole:
                return False
            if not container.indent:
                if is_blank or self._line[place] != ">" or place - self._at > 3:
                    self._is_matched = False
                    return True
                self._take_quote(place)
            elif not is_blank and place - self._at >= container.indent:
                self._at += container.indent
            elif not (is_blank and container.is_begun):
                self._is_matched = False
                return True
            self._containers.append(container)
        return True

    def _take_quote(self, place: int) -> None:
        self._kept.append(False)
        self._at = place + 1
        if self._line.startswith(" ", self._at):
            self._at += 1

    def _take_item(self, place: int) -> bool | None:
        """Whether a list item begins here; None where more is needed to say."""
        line = self._line
        number = _NUMBER.match(line, place)
        marker = number or _BULLET.match(line, place)
        if marker is None:
            if _NUMBER_BEGUN.match(line, place) and not self._is_whole:
                return None
            return False
        end = marker.end()
        text = self._skip_spaces(end)
        if text == len(line):
            if not self._is_whole:
                return None
            if self._interrupts:
                return False
        if number is not None and self._interrupts and int(number[1]) != 1:
            return False
        spaces = text - end if text < len(line) and text - end <= 4 else 1
        indent = place - self._at + (end - place) + spaces
        self._at = end + spaces
        self._kept += [number is not None] * (end - place)
        self._containers.append(Container(indent))
        return True

    # ---- leaves ---------------------------------------------------------------------------------

    def _read_fenced(self) -> Line | None:
        place = self._skip_spaces()
        rest, fence = self._line[place:], self._before.fence
        run = len(rest) - len(rest.lstrip(fence[0]))
        if place - self._at <= 3 and not rest[run:].strip():
            if not self._is_whole:
                return None
            if run >= len(fence):
                return self._found(LineKind.FENCE_ENDS)
        return self._found(LineKind.FENCED, self._before.fence)

    def _read_block(self) -> Line | None:
        if self._before.columns and self._is_matched and self._may_go_on:
            is_delimiters = self._read_delimiters()
            if is_delimiters is None:
                return None
            if is_delimiters:
                return self._found(LineKind.DELIMITERS)
        while True:
            place = self._skip_spaces()
            rest = self._line[place:]
            if not rest:
                return self._found(LineKind.BLANK) if self._is_whole else None
            if place - self._at >= 4:
                if self._may_go_on:
                    return self.as_text()
                return self._found(LineKind.CODE)
            if rest[0] == ">":
                self._take_quote(place)
                self._containers.append(Container())
                self._begin_container()
                continue
            line, is_known = self._read_leaf(rest)
            if line is not None or not is_known:
                return line
            is_item = self._take_item(place)
            if is_item is None:
                return None
            if not is_item:
                break
            self._begin_container()
        if self._leaf is Leaf.TABLE:
            return self._found(LineKind.ROW)
        if rest[0] == "|" and self._may_go_on is self._interrupts:
            return self._found(LineKind.TABLE_HEAD) if self._is_whole else None
        return self.as_text()

    def _begin_container(self) -> None:
        self._leaf = Leaf.NONE
        self._is_matched = True
        self._may_go_on = self._interrupts = False

    def _read_leaf(self, rest: str) -> tuple[Line | None, bool]:
        """A leaf that is a line of its own or begins one; and whether that is certain."""
        if hashes := _HASHES.match(rest):
            if not self._is_whole and _HASHES_BEGUN.match(rest):
                return None, False
            self._kept += [False] * len(hashes[0])
            return self._found(LineKind.HEADING), True
        if _FENCE_BEGUN.match(rest):
            if not self._is_whole:
                return None, False
            if fence := _FENCE.match(rest):
                return self._found(LineKind.FENCE_BEGINS, fence[1] or fence[2]), True
        if self._interrupts and _UNDERLINE.match(rest):
            return (self._found(LineKind.RULE), True) if self._is_whole else (None, False)
        if _RULE_BEGUN.match(rest):
            if not self._is_whole:
                return None, False
            if _RULE.match(rest):
                return self._found(LineKind.RULE), True
        return None, True

    def _read_delimiters(self) -> bool | None:
        place = self._skip_spaces()
        rest = self._line[place:]
        if place - self._at > 3 or not _DELIMITERS_BEGUN.match(rest):
            return False
        if not self._is_whole:
            return None
        return bool(_DELIMITERS.match(rest)) and count_columns(rest) == self._before.columns

    # ---- small things ---------------------------------------------------------------------------

    def _skip_spaces(self, at: int | None = None) -> int:
        line = self._line
        place = self._at if at is None else at
        while line.startswith(" ", place):
            place += 1
        return place

    def _found(self, kind: LineKind, fence: str = "") -> Line:
        containers = tuple(self._containers)
        for container in containers[:-1] if kind is LineKind.BLANK else containers:
            container.is_begun = True
        return Line(kind, containers, tuple(self._kept), fence, self._may_go_on)
