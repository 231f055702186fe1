"""Where a link's address and title end, which stand in parentheses behind its text."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, Literal

_SPACE: Final = re.compile(r"[ \t\n]*")
_ADDRESS: Final = re.compile(r"(?:[^\s()\\\x00-\x1f\x7f]|\\(?![\s\x00-\x1f]|\Z).)*")
_ANGLE_ADDRESS: Final = re.compile(r"<(?:[^<>\n\\]|\\.)*")
_TITLES: Final = {
    '"': (re.compile(r'"(?:[^"\\]|\\.)*', re.DOTALL), '"'),
    "'": (re.compile(r"'(?:[^'\\]|\\.)*", re.DOTALL), "'"),
    "(": (re.compile(r"\((?:[^()\\]|\\.)*", re.DOTALL), ")"),
}


class _More(Enum):
    MORE = "more"


# What has come may go on as a link, or may not.
MORE: Final = _More.MORE
End = int | Literal[_More.MORE] | None


def find_end(text: str, start: int, *, is_last: bool) -> End:
    """The end of what begins here with `(`; None where that is no link's target."""
    end = _find_end(text, start)
    return None if end is MORE and is_last else end


def _find_end(text: str, start: int) -> End:
    if start == len(text):
        return MORE
    if text[start] != "(":
        return None
    place = _skip_space(text, start + 1)
    after_address = _skip_angle_address if text.startswith("<", place) else _skip_address
    address_end = after_address(text, place)
    if address_end is None or address_end is MORE:
        return address_end
    place = _skip_space(text, address_end)
    if place == len(text):
        return MORE
    if text[place] == ")":
        return place + 1
    if place == address_end or text[place] not in _TITLES:
        return None
    pattern, closing = _TITLES[text[place]]
    title = pattern.match(text, place)
    place = title.end() if title is not None else place
    if place == len(text) or text[place] == "\\":
        return MORE
    if text[place] != closing:
        return None
    place = _skip_space(text, place + 1)
    if place == len(text):
        return MORE
    return place + 1 if text[place] == ")" else None


def _skip_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return space.end() if space is not None else place


def _skip_angle_address(text: str, place: int) -> End:
    address = _ANGLE_ADDRESS.match(text, place)
    place = address.end() if address is not None else place
    if place == len(text) or text[place] == "\\":
        return MORE
    return place + 1 if text[place] == ">" else None


def _skip_address(text: str, place: int) -> End:
    depth = 0
    while True:
        address = _ADDRESS.match(text, place)
        place = address.end() if address is not None else place
        if place == len(text):
            return MORE
        match text[place]:
            case "(":
                depth += 1
            case ")" if depth:
                depth -= 1
            case "\\" if place + 1 == len(text):
                return MORE
            case "\\":  # before a space: part of the address
                pass
            case _:
                return place if not depth else None
        place += 1
