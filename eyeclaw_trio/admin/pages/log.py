"""Log: the last lines, live, with a filter that is in the address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import Final

import orjson
import trio
from attrs import frozen
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.slices import joined
from eyeclaw_trio.admin.view import language_of, render, render_in, render_part
from eyeclaw_trio.admin.words import Language
from eyeclaw_trio.admin.workshop import workshop_of
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.logs import LogLine, RecentLines

SHOWN: Final = 200
# As structlog and logging name them.
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_LONGEST_WORD: Final = 200
# Lines that are looked at, or rendered, in one go: half a millisecond of work.
_LINES_TOGETHER: Final = 10


@frozen
class LogFilter:
    """Lines of this level or worse that hold this word, whatever its case."""

    level: str = ""
    word: str = ""

    async def pick(self, recent: RecentLines) -> list[LogLine]:
        """The newest lines that fit, SHOWN of them at most, the newest first. Others have their
        turn in between; cancelled, nothing has happened."""
        found: list[LogLine] = []
        lines = recent.newest()
        while len(found) < SHOWN and (some := list(islice(lines, _LINES_TOGETHER))):
            found += filter(self._fits, some)
            await trio.lowlevel.checkpoint()
        return found[:SHOWN]

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
    """The lines that fit. Raises RequestRefused (400); cancelled, nothing has happened."""
    lines = await read_filter(request).pick(workshop_of(request).log)
    rendered = map(partial(_render_line, language_of(request)), lines)
    text = Markup(await joined(rendered, _LINES_TOGETHER))  # noqa: S704  (escaped by the template)
    return {"lines": render_part(request, "_log_lines.html", lines=text)}


@lru_cache(maxsize=4 * SHOWN)
def _render_line(language: Language, line: LogLine) -> str:
    """One line: kept, because every open page looks at it each second."""
    return render_in(language, "_log_line.html", each=line, said=list(_values_of(line)))


def _values_of(line: LogLine) -> Iterator[tuple[str, str]]:
    """What it says, by name, without what is nothing; all of it together where it was cut."""
    try:
        values = orjson.loads(line.values or "{}")
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        yield "", line.values
        return
    for name, value in values.items():
        if value is not None:
            yield name, value if isinstance(value, str) else orjson.dumps(value).decode()


async def show(request: Request) -> Response:
    """`GET /admin/log?level=LEVEL&q=WORD`. Raises RequestRefused (400); cancelled, nothing
    has happened."""
    return render(
        request,
        "log.html",
        page="log",
        chosen=read_filter(request),
        levels=LEVELS[1:-1],
        parts=await read_fragments(request),
    )


PAGE: Final = Page("log", [Route("/admin/log", show)], read_fragments)
