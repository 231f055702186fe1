"""On which line of a TOML file each key stands: tomllib does not say.

Pure. The scanner is handed only text that tomllib has read without complaint, so it tells apart
what is there and checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

from attrs import define, field

# Levels below which no line is remembered: no setting is there, and a key of thousands of dots
# would take their number to the third power.
_DEEPEST: Final = 8

# A key's place in the document: names, and numbers within arrays. ("bots", 0, "name")
KeyPath = tuple[str | int, ...]

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK: Final = re.compile(r"[ \t]*")
_NAME: Final = re.compile(r'[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|\'[^\']*\'')
# The long forms first. Up to two quotation marks may stand right before the closing three.
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
# Numbers, dates (which may hold a space), true and false.
_PLAIN: Final = re.compile(r"[^,\]}\r\n#]*")


def find_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, of every table, key and array element of a valid TOML text."""
    scanner = _Scanner(text)
    scanner.scan_document()
    return scanner.lines


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of this key, or of the nearest table around it that has one."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


@define
class _Scanner:
    text: str
    lines: dict[KeyPath, int] = field(factory=dict)
    _at: int = 0
    _line: int = 1
    _counted: int = 0  # up to here the line ends are in `_line`
    _last_of_array: dict[KeyPath, int] = field(factory=dict)

    def scan_document(self) -> None:
        table: KeyPath = ()
        while self._skip(_SPACE) < len(self.text):
            if self._take("[["):
                table = self._enter_array(self._scan_key())
                self._take("]]")
            elif self._take("["):
                table = self._resolve(self._scan_key())
                self._note(table)
                self._take("]")
            else:
                self._scan_pair(table)

    def _scan_pair(self, table: KeyPath) -> None:
        path = table
        for name in self._scan_key():
            path = (*path, name)
            self._note(path)
        self._take("=")
        self._skip(_BLANK)
        self._scan_value(path)

    def _scan_value(self, path: KeyPath) -> None:
        match self.text[self._at : self._at + 1]:
            case '"' | "'":
                self._skip(_STRING)
            case "[":
                self._take("[")
                index = 0
                while not self._closes("]"):
                    self._note((*path, index))
                    self._scan_value((*path, index))
                    index += 1
            case "{":
                self._take("{")
                while not self._closes("}"):
                    self._scan_pair(path)
            case _:
                self._skip(_PLAIN)

    def _closes(self, bracket: str) -> bool:
        """Go to the next element, or behind the bracket that ends them."""
        self._skip(_SPACE)
        self._take(",")
        self._skip(_SPACE)
        return self._take(bracket) or self._at >= len(self.text)

    def _scan_key(self) -> tuple[str, ...]:
        names: list[str] = []
        while True:
            self._skip(_BLANK)
            start = self._at
            name = self.text[start : self._skip(_NAME)]
            names.append(tomllib.loads(f"k = {name}")["k"] if name[:1] in {'"', "'"} else name)
            self._skip(_BLANK)
            if not self._take("."):
                return tuple(names)

    def _enter_array(self, names: tuple[str, ...]) -> KeyPath:
        path = (*self._resolve(names[:-1]), names[-1])
        self._note(path)
        index = self._last_of_array[path] = self._last_of_array.get(path, -1) + 1
        self._note((*path, index))
        return (*path, index)

    def _resolve(self, names: tuple[str, ...]) -> KeyPath:
        """The path of a table's header: a name of an array of tables means its last element."""
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            if path in self._last_of_array:
                path = (*path, self._last_of_array[path])
        return path

    def _note(self, path: KeyPath) -> None:
        """Remember where this key and the tables that it opens stand first."""
        path = path[:_DEEPEST]
        self._line += self.text.count("\n", self._counted, self._at)
        self._counted = self._at
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], self._line)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self._at)
        if found is not None:
            self._at = found.end()
        return self._at

    def _take(self, token: str) -> bool:
        taken = self.text.startswith(token, self._at)
        if taken:
            self._at += len(token)
        return taken
