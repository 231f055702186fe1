"""The `content_hash` of a summary, summed up in rows: every answer's text goes through it twice."""

from __future__ import annotations

from operator import mul
from struct import Struct
from typing import Final


def hash_content(text: str) -> str:
    """The `content_hash` of a summary: a 32-bit signed hash over UTF-16 code units.

    `h = h*31 + unit`, wrapping; in hexadecimal without padding, a leading minus where negative
    (PROTOCOL 2: "你好" gives "9f61d"). A wrong one is reported, never a reason to lose text.
    """
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) == 2 * len(text):
        wide = text.encode("utf-32-le", "surrogatepass")
    else:  # a character beyond the 16 bits counts as two units
        widened = bytearray(2 * len(units))
        widened[0::4], widened[1::4] = units[0::2], units[1::2]
        wide = bytes(widened)
    # Zeros in front change nothing. Each row is one large number, and all of its units take their
    # step at once, the even and the odd ones apart, so that there are 64 bits for each product.
    wide = bytes(-len(wide) % _ROW_SIZE) + wide
    even = odd = 0
    for start in range(0, len(wide), _ROW_SIZE):
        row = int.from_bytes(wide[start : start + _ROW_SIZE], "little")
        even = (even * _ROW_STEP + (row & _LANES)) & _LANES
        odd = (odd * _ROW_STEP + (row >> 32 & _LANES)) & _LANES
    value = _sum_up(even, _POWERS[0::2]) + _sum_up(odd, _POWERS[1::2]) & 0xFFFFFFFF
    signed = value - 0x1_0000_0000 if value & 0x8000_0000 else value
    return f"{signed:x}"


def _sum_up(lanes: int, powers: tuple[int, ...]) -> int:
    return sum(map(mul, _LANE_STRUCT.unpack(lanes.to_bytes(_LANE_STRUCT.size, "little")), powers))


# Units in a row: 31 to this power, modulo 2**32, fits into one digit of Python's large numbers.
_ROW: Final = 74
_ROW_SIZE: Final = 4 * _ROW  # bytes
_ROW_STEP: Final = pow(31, _ROW, 2**32)
# 31 to the power of 73, 72, … 0: what the units of the last row count.
_POWERS: Final = tuple(pow(31, _ROW - 1 - index, 2**32) for index in range(_ROW))
_LANES: Final = sum(0xFFFFFFFF << 64 * lane for lane in range(_ROW // 2))
_LANE_STRUCT: Final = Struct(f"<{_ROW // 2}Q")
