"""A turn of production as the load generator replays it (`load/script.c` says in what form)."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Final

# Real arrival times, order and lengths, invented text; the tests replay it too.
REPLAYED_TURN: Final = Path(__file__).parents[1] / "tests" / "fixtures" / "production_turn_60.jsonl"


def write_script(turn: Path, script: Path) -> None:
    """Write the script of this turn."""
    messages = [json.loads(line) for line in turn.read_text("utf-8").splitlines()]
    chunks = [each for each in messages if each["type"] == "stream_chunk"]
    lines = [("chunk", _us(each), each["sequence"], _twice(each["content"])) for each in chunks]
    for each in messages:
        if each["type"] == "stream_end":
            lines.append(("end", _us(each), "", ""))
        elif each["type"] == "stream_summary":
            text = each["total_content"]
            lines.append(("summary", _us(each), hash_of(text), _twice(text)))
    rows = ["\t".join(map(str, line)) for line in lines]
    pieces = sorted(chunks, key=lambda each: int(each["sequence"]))
    rows += [f"piece\t{_once(each['content'])}" for each in pieces]
    script.write_text("".join(f"{row}\n" for row in rows), "utf-8")


def hash_of(text: str) -> str:
    """`content_hash`: 32 bits with wrap-around over UTF-16 code units, signed, in hexadecimal."""
    units = text.encode("utf-16-le")
    value = 0
    for unit in struct.unpack(f"<{len(units) // 2}H", units):
        value = (value * 31 + unit) & 0xFFFFFFFF
    return f"{value - (1 << 32):x}" if value >> 31 else f"{value:x}"


def _us(message: dict[str, Any]) -> int:
    return int(message["at_ms"] * 1000)


def _once(text: str) -> str:
    """As it stands within the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _twice(text: str) -> str:
    return _once(_once(text))
