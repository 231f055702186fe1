"""A QR code as an SVG path. Pure."""

from __future__ import annotations

import segno
from attrs import frozen

# Light modules around the code, without which it is not found (ISO/IEC 18004).
_QUIET = 4


@frozen
class QrCode:
    """The dark modules of a code as a path, in a square of `size` units, quiet zone and all."""

    path: str
    size: int


def draw_code(text: str) -> QrCode:
    """The code of this text, which a camera reads although some of it is hidden."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    strokes = [
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, is_dark in enumerate(row)
        if is_dark
    ]
    return QrCode("".join(strokes), len(rows) + 2 * _QUIET)
