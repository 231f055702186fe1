"""Whatever somebody else said, made fit to be printed: it must not command a terminal, nor pass
for a line of ours, nor show its words in another order than they are read (RELIABILITY 41). Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

# Characters of another's words that fit into one line of ours.
LINE_LENGTH: Final = 1_000

_CONTROLS: Final = frozenset([*range(0x20), *range(0x7F, 0xA0)])
# Embeddings, overrides and isolates, and the deprecated ones behind them (Unicode, UAX 9 and
# 23.3). The marks U+200E, U+200F and U+061C stay: they move nothing but themselves, and text in
# Arabic or Hebrew needs them; so do the joiners of emoji.
_BIDI: Final = frozenset([*range(0x202A, 0x202F), *range(0x2066, 0x2070)])
_SEPARATORS: Final = (0x2028, 0x2029)
_SURROGATES: Final = range(0xD800, 0xE000)

_IN_TEXT: Final[dict[int, str | None]] = {
    **dict.fromkeys(_CONTROLS | _BIDI),
    **dict.fromkeys(_SEPARATORS, "\n"),
    **dict.fromkeys(_SURROGATES, "\N{REPLACEMENT CHARACTER}"),  # no encoding has them
    ord("\n"): "\n",
    ord("\t"): "\t",
}
_IN_LINE: Final[dict[int, str | None]] = {
    **_IN_TEXT,
    **dict.fromkeys([*map(ord, "\n\t\r\v\f\x1c\x1d\x1e\x85"), *_SEPARATORS], " "),
}
# JSON has a notation of its own for them, which loses nothing. It has escaped those below U+0020
# already.
_IN_JSON: Final[dict[int, str | None]] = {
    each: f"\\u{each:04x}" for each in [*_CONTROLS, *_BIDI, *_SEPARATORS] if each >= 0x20
}
# Marks that move nothing but themselves are named too: on a page nothing is pasted into a shell.
_MARKS: Final = (0x200B, 0x200E, 0x200F, 0x061C, 0xFEFF, 0x00AD)
_ON_PAGE: Final[dict[int, str | None]] = {
    **{each: f"[U+{each:04X}]" for each in [*_CONTROLS, *_BIDI, *_SEPARATORS, *_MARKS]},
    **{each: chr(0x2400 + each) for each in range(0x20)},  # their own pictures
    **dict.fromkeys(_SURROGATES, "\N{REPLACEMENT CHARACTER}"),
    ord("\n"): "\n",
    ord("\t"): "\t",
}


def harmless(text: str) -> str:
    """Text of any length: its lines and tabs stay, and so do emoji and every script."""
    return text.translate(_IN_TEXT)


def harmless_line(text: str, limit: int = LINE_LENGTH) -> str:
    """As one line of at most `limit` characters: whatever ends a line is a space, several are
    one, and none is left at the ends."""
    if len(text) <= limit and text.isprintable() and " " not in text:
        return text  # names and numbers, in every line of the log
    line = " ".join(text[: limit * 4].translate(_IN_LINE).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def harmless_json(value: object, default: Callable[[Any], Any] | None = None) -> str:
    """The value as compact JSON on one line; `default` as json.dumps has it."""
    try:
        document = orjson.dumps(value, default).decode()
    except orjson.JSONEncodeError:  # half a character, a large number: Python's own is more patient
        document = json.dumps(value, default=default, separators=(",", ":"))
    return document if document.isprintable() else document.translate(_IN_JSON)


def visible(text: str) -> str:
    """Text of any length for a page: its lines and tabs stay, and what a page would not show, or
    obey, is shown by its name instead."""
    return text.translate(_ON_PAGE)
