"""JSON as no honest peer would send it: good messages, and what chance makes of them."""

from __future__ import annotations

import json
import random
from typing import Any, Final

STRANGE_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "\u2028",
    "\ud800",
    "😀",
    "-" * 5_000,
    '"\\' * 500,
    "null",
    "..",
    "\x1b]0;x\x07",
    "9" * 400,
)
STRANGE_NUMBERS: Final = (0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 1e308, 0.1, -0.0)
# Pieces of text that no encoder writes.
STRANGE_PIECES: Final = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"01",
    b"[" * 2_000,
    b'{"a":' * 400,
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\u",
    b"\x00",
    b",,",
    b"]}",
    b"9" * 5_000,
)


def any_value(dice: random.Random, depth: int = 0) -> Any:
    """Any JSON value, mostly small."""
    kind = dice.randrange(9 if depth < 4 else 6)
    match kind:
        case 0:
            return dice.choice((None, True, False))
        case 1 | 2:
            return dice.choice(STRANGE_NUMBERS)
        case 3 | 4 | 5:
            return dice.choice(STRANGE_TEXTS)
        case 6:
            many = 30_000 if depth == 0 else 3
            return [any_value(dice, depth + 1 if depth else 4)] * dice.choice((0, 1, 3, many))
        case _:
            names = (dice.choice(STRANGE_TEXTS) for _ in range(dice.randrange(5)))
            return {name: any_value(dice, depth + 1) for name in names}


def spoilt(dice: random.Random, value: Any) -> Any:
    """This value with something wrong somewhere in it, or not."""
    if dice.random() < 0.15:
        return any_value(dice)
    if isinstance(value, dict):
        kept = {name: spoilt(dice, each) for name, each in value.items() if dice.random() > 0.05}
        if dice.random() < 0.2:
            kept[dice.choice(STRANGE_TEXTS)] = any_value(dice)
        return kept
    if isinstance(value, list):
        return [spoilt(dice, each) for each in value for _ in range(dice.choice((1, 1, 1, 0, 2)))]
    return value


def as_bytes(dice: random.Random, value: Any) -> bytes:
    """As a peer might write it: escaped or not, spaced, cut, with bytes turned over; a megabyte at
    most, which is what is let in."""
    text = json.dumps(value, ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, 1)))
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if dice.random() < 0.3:
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(data) + 1)
            match dice.randrange(4):
                case 0:
                    data[place:place] = dice.choice(STRANGE_PIECES)
                case 1:
                    del data[place : place + dice.randrange(20)]
                case 2 if place < len(data):
                    data[place] = dice.randrange(256)
                case _:
                    del data[place:]
    return bytes(data[:1_048_576])
