"""What time it is for whoever reads a page: its browser says in a cookie which zone it is in."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import HTTPConnection

from eyeclaw_trio.admin.trace_query import Clock
from eyeclaw_trio.store.columns import read_clock

ZONE_COOKIE: Final = "eyeclaw_zone"
_LONGEST: Final = 64  # characters of a zone's name


def clock_of(request: HTTPConnection) -> Clock:
    """The clock of whoever asks; in this machine's zone where it says none that is known."""
    name = request.cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
    if not name or len(name) > _LONGEST or not name.isascii() or not name.isprintable():
        return Clock(read_clock(), None)
    try:
        return Clock(read_clock(), ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a path is no name, nor is a folder
        return Clock(read_clock(), None)
