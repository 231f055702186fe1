"""The list of stream traces: newest first, filtered, live, with a picture of many turns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from attrs import frozen
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.kept import freshness, kept_of
from eyeclaw_trio.admin.live import Fragments
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.reader_clock import clock_of
from eyeclaw_trio.admin.slices import joined
from eyeclaw_trio.admin.trace_board import SAVED, Filter, read_dots, read_filters, read_page
from eyeclaw_trio.admin.trace_drawings import draw_dots
from eyeclaw_trio.admin.trace_query import Clock, TraceQuery, read_query
from eyeclaw_trio.admin.view import language_of, render, render_in, render_part
from eyeclaw_trio.admin.words import Language
from eyeclaw_trio.core.scatter import scatter
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.store.trace_list import SEARCHED, TracePage
from eyeclaw_trio.store.trace_places import find_named

LIST: Final = "/admin/stream_traces"
# Looks of an open page between two at what costs more than the list: filters and dots.
_SELDOM: Final = 10
# Seconds for which that is shown to all who look.
_FRESH: Final = 9.5
# Rows that are rendered in one go, half a millisecond of work.
_ROWS_TOGETHER: Final = 2
# Where the address of a turn goes in a row that is kept, whatever the list is filtered by.
_ADDRESS: Final = "#address"


@frozen
class WantedTraces:
    """What a request for traces asks for, and the clock by which it means it."""

    query: TraceQuery
    clock: Clock

    @property
    def name(self) -> tuple[Hashable, ...]:
        """Equal for requests that ask for the same."""
        query = self.query
        return (*query.fields.items(), query.after, query.until, str(self.clock.zone))


def read_wanted(request: Request) -> WantedTraces:
    """Which traces this request is about. Raises RequestRefused (400)."""
    directory, clock = office_of(request).views.directory, clock_of(request)

    def find_bot(name: str) -> int | None:
        bot = directory.find_bot_named(name)
        return None if bot is None else bot.id

    return WantedTraces(read_query(request.query_params.multi_items(), clock, find_bot), clock)


def address_of(query: TraceQuery, trace_id: str) -> str:
    """Where one trace of this list is shown."""
    return query.address(f"{LIST}/{quote(trace_id, safe='')}")


async def show(request: Request) -> Response:
    """`GET /admin/stream_traces`. Raises RequestRefused (400), NoSuchRecord for a place that is
    none, StoreError; cancelled, nothing has happened."""
    wanted = read_wanted(request)
    views, text = office_of(request).views, wanted.query.wanted.text
    if text:
        found = await views.read(partial(find_named, text=text))
        if found is not None:
            # Whoever types a whole id or a code wants to see that turn.
            return RedirectResponse(f"{LIST}/{quote(found, safe='')}", HTTPStatus.SEE_OTHER)
    page = await views.read(partial(read_page, query=wanted.query))
    return render(
        request,
        "traces.html",
        page="stream_traces",
        query=wanted.query,
        at=request.query_params.get("at", ""),
        saved=SAVED,
        list_address=LIST,
        parts={
            "rows": await _render_rows(request, wanted.query, page),
            **await _render_rest(request, wanted),
        },
    )


async def read_fragments(request: Request) -> Fragments:
    """What moves on it. Raises as `show`; cancelled, nothing has happened."""
    wanted = read_wanted(request)
    page = await office_of(request).views.read(partial(read_page, query=wanted.query))
    parts: dict[str, Markup] = {"rows": await _render_rows(request, wanted.query, page)}
    looks = getattr(request.state, "looks", 0)
    request.state.looks = looks + 1
    if looks % _SELDOM == 0:
        parts |= await _render_rest(request, wanted)
    return parts


async def _render_rows(request: Request, query: TraceQuery, page: TracePage) -> Markup:
    """The table. Cancelled, nothing has happened."""
    office, language = office_of(request), language_of(request)
    bots = office.views.directory.bots
    running = {turn.trace_id: turn.chunks for turn in office.now.running_turns()}

    def render_row(record: TraceRecord) -> str:
        bot = bots.get(record.bot_id) if record.bot_id is not None else None
        name = bot.name if bot is not None else str(record.bot_id or "–")
        row = _render_row(language, record, name, running.get(record.trace_id))
        return row.replace(_ADDRESS, escape(address_of(query, record.trace_id)), 1)

    rows = await joined(map(render_row, page.traces), _ROWS_TOGETHER)
    return render_part(
        request,
        "_trace_rows.html",
        rows=Markup(rows),  # noqa: S704  (escaped by the template)
        next=page.next,
        searched=SEARCHED if page.is_cut else 0,
        query=query,
        list_address=LIST,
    )


@lru_cache(maxsize=1_000)
def _render_row(language: Language, record: TraceRecord, bot: str, chunks: int | None) -> str:
    """One row, 0.2 ms of work: kept, because every open page looks at it each second."""
    return render_in(
        language, "_trace_row.html", each=record, address=_ADDRESS, bot=bot, chunks=chunks
    )


async def _render_rest(request: Request, wanted: WantedTraces) -> Mapping[str, Markup]:
    """Filters with their counts, and dots. Raises NoSuchRecord and StoreError; cancelled, nothing
    has happened."""
    query = wanted.query
    board = await kept_of(request).read(
        ("board", *wanted.name), freshness(request, _FRESH), partial(_read_board, request, wanted)
    )
    return {
        "filters": kept_of(request).render(
            language_of(request),
            "_trace_filters.html",
            query.address(LIST),
            filters=board.filters,
            query=query,
            list_address=LIST,
            bots=dict(office_of(request).views.directory.bots),
        ),
        "dots": render_part(request, "_trace_dots.html", picture=board.picture, count=board.dots),
    }


@frozen
class _Board:
    """What is above the list, in whatever language it is shown."""

    filters: tuple[Filter, ...]
    picture: Markup
    dots: int


async def _read_board(request: Request, wanted: WantedTraces) -> _Board:
    """Raises NoSuchRecord and StoreError; cancelled, nothing has happened."""
    query, views = wanted.query, office_of(request).views
    filters = await views.read(partial(read_filters, query=query, clock=wanted.clock))
    dots = await views.read(partial(read_dots, query=query))
    drawn = draw_dots(scatter(dots), partial(address_of, query), wanted.clock.zone)
    picture = Markup(await joined(drawn))  # noqa: S704  (escaped where it is drawn)
    return _Board(filters, picture, len(dots))


PAGE: Final = Page("stream_traces", [Route(LIST, show)], read_fragments)
