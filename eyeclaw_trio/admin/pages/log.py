"""Log: the last lines, live, with a filter that is in the address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from attrs import frozen
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render, render_part
from eyeclaw_trio.admin.workshop import workshop_of
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.logs import LogLine, RecentLines

SHOWN: Final = 200
# As structlog and logging name them.
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_LONGEST_WORD: Final = 200


@frozen
class LogFilter:
    """Lines of this level or worse that hold this word, whatever its case."""

    level: str = ""
    word: str = ""

    def pick(self, recent: RecentLines, most: int = SHOWN) -> Iterator[LogLine]:
        """The newest lines that fit, the newest first."""
        return islice(filter(self._fits, recent.newest()), most)

    def _fits(self, line: LogLine) -> bool:
        if self.level and LEVELS.index(line.level) < LEVELS.index(self.level):
            return False
        word = self.word.lower()
        return not word or word in line.event.lower() or word in line.values.lower()


def read_filter(request: Request) -> LogFilter:
    """What the address says. Raises RequestRefused (400)."""
    level = request.query_params.get("level", "")
    if level and level not in LEVELS:
        raise RequestRefused(400, "Invalid request", {"level": "must be " + ", ".join(LEVELS)})
    return LogFilter(level, request.query_params.get("q", "").strip()[:_LONGEST_WORD])


async def read_fragments(request: Request) -> Mapping[str, Markup]:
    """The lines that fit. Raises RequestRefused (400); waits for nothing."""
    lines = list(read_filter(request).pick(workshop_of(request).log))
    return {"lines": render_part(request, "_log_lines.html", lines=lines)}


async def show(request: Request) -> Response:
    """`GET /admin/log?level=LEVEL&q=WORD`. Raises RequestRefused (400); waits for nothing."""
    return render(
        request,
        "log.html",
        page="log",
        chosen=read_filter(request),
        levels=LEVELS[1:-1],
        parts=await read_fragments(request),
    )


PAGE: Final = Page("log", [Route("/admin/log", show)], read_fragments)
