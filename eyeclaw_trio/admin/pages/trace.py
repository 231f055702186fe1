"""One turn: its stages, its time line, what was lost, what was said, and every field."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import Final
from urllib.parse import quote, urlencode

import attrs
from attrs import frozen
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from eyeclaw_trio.admin.live import Fragments
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.pages.traces import LIST, WantedTraces, address_of, read_wanted
from eyeclaw_trio.admin.reader_clock import clock_of
from eyeclaw_trio.admin.slices import slices
from eyeclaw_trio.admin.trace_drawings import draw_strip, draw_turn_marks
from eyeclaw_trio.admin.trace_query import TraceQuery
from eyeclaw_trio.admin.trace_text import attachment, tell_turn
from eyeclaw_trio.admin.view import language_of, render, render_part
from eyeclaw_trio.admin.words import Language
from eyeclaw_trio.core.axis import Window
from eyeclaw_trio.core.differences import Stretch, compare_texts
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.time_line import join_ranges
from eyeclaw_trio.core.trace import Trace, whole_length
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.core.turn_drawing import TurnDrawing, draw_turn
from eyeclaw_trio.core.turn_stages import TurnStage, has_spoken, stages_of
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.store.database import Database
from eyeclaw_trio.store.trace_places import Neighbours, delete_trace, find_neighbours
from eyeclaw_trio.store.traces import get_turn

# Lines of a turn told as text that a page shows; all of them are a click away.
_LINES: Final = 400
# Characters of each of the two texts that are compared.
_COMPARED: Final = 20_000
# What stands on the page in another form, or not at all.
_NOT_AMONG_FIELDS: Final = ("events", "sdk_content", "sse_content", "missing_sequences")


@frozen
class Turn:
    """Everything that a page shows of one turn."""

    record: TraceRecord
    neighbours: Neighbours
    stages: tuple[TurnStage, ...]
    drawing: TurnDrawing
    lines: tuple[str, ...]
    texts: tuple[Stretch, ...]
    question: str
    question_length: int | None
    is_healed: bool

    @property
    def missing(self) -> str:
        """The sequences that never came: `3–5, 9`."""
        return join_ranges(self.record.missing_sequences)

    @property
    def fields(self) -> list[tuple[str, object]]:
        """The fields of the trace, by their names in the API."""
        values = attrs.asdict(self.record, recurse=False)
        return [(name, it) for name, it in values.items() if name not in _NOT_AMONG_FIELDS]


def read_turn(
    db: Database, wanted: WantedTraces, trace_id: str, window: Window | None, language: Language
) -> Turn:
    """The turn of this id, read and drawn on the thread that reads. Raises NoSuchRecord and
    StoreError."""
    record, trace = get_turn(db, trace_id)
    first = trace.events[0].data if trace.events else {}
    left, right = (record.sdk_content or "")[:_COMPARED], (record.sse_content or "")[:_COMPARED]
    return Turn(
        record=record,
        neighbours=find_neighbours(db, wanted.query.wanted, trace_id),
        stages=stages_of(trace, record.outcome),
        drawing=draw_turn(trace, record.missing_sequences, window),
        lines=tuple(islice(tell_turn(record, trace, language, wanted.clock.zone), _LINES)),
        texts=compare_texts(left, right),
        question=str(first.get("question", "")),
        question_length=first.get(whole_length("question")),
        is_healed=Anomaly.HEALED.value in record.anomalies,
    )


async def show(request: Request) -> Response:
    """`GET /admin/stream_traces/ID`. Raises NoSuchRecord, RequestRefused (400) and StoreError;
    cancelled, nothing has happened."""
    wanted = read_wanted(request)
    turn, query = await _read(request, wanted), wanted.query
    return render(
        request,
        "trace.html",
        page="stream_traces",
        turn=turn,
        query=query,
        list_address=LIST,
        address_of=partial(address_of, query),
        is_running=turn.record.outcome is None,
        trace_id=request.path_params["trace_id"],
        part=_render_turn(request, query, turn),
    )


async def read_fragments(request: Request) -> Fragments:
    """The turn as it is now; once it is over it is not read again. Raises as `show`; cancelled,
    nothing has happened."""
    if (over := getattr(request.state, "over", None)) is not None:
        return {"turn": over}
    wanted = read_wanted(request)
    turn, query = await _read(request, wanted), wanted.query
    part = _render_turn(request, query, turn)
    if turn.record.outcome is not None:
        request.state.over = part
    return {"turn": part}


async def _read(request: Request, wanted: WantedTraces) -> Turn:
    trace_id, window = request.path_params["trace_id"], _read_window(request)
    views, language = office_of(request).views, language_of(request)
    return await views.read(lambda db: read_turn(db, wanted, trace_id, window, language))


def _render_turn(request: Request, query: TraceQuery, turn: Turn) -> Markup:
    office, record = office_of(request), turn.record
    running = [each for each in office.now.running_turns() if each.trace_id == record.trace_id]
    speaks = any(each.chunks for each in running)
    look = _looks_of(query, record.trace_id)
    drawing = turn.drawing
    window, whole = drawing.window, drawing.whole
    zooms = {
        "closer": window.zoomed(0.5, whole),
        "further": window.zoomed(2.0, whole),
        "earlier": window.moved(-0.5, whole),
        "later": window.moved(0.5, whole),
        "whole": whole,
    }
    return render_part(
        request,
        "_trace_turn.html",
        turn=turn,
        stages=has_spoken(turn.stages) if speaks else turn.stages,
        record=record,
        bots=office.views.directory.bots,
        running=running[0] if running else None,
        marks=draw_turn_marks(drawing),
        strip=draw_strip(drawing, look),
        zooms=[(name, look(each.since, each.until)) for name, each in zooms.items()],
        again=urlencode({"bot": record.bot_id or "", "text": turn.question}),
        address=f"{LIST}/{quote(record.trace_id, safe='')}",
    )


def _looks_of(query: TraceQuery, trace_id: str) -> Callable[[float, float], str]:
    """Where this turn is shown from one millisecond to another."""

    def look(since: float, until: float) -> str:
        path = f"{LIST}/{quote(trace_id, safe='')}"
        return query.address(path, **{"from": f"{since:.1f}", "to": f"{until:.1f}"}) + "#time-line"

    return look


def _read_window(request: Request) -> Window | None:
    given = request.query_params.get("from"), request.query_params.get("to")
    if given == (None, None):
        return None
    try:
        since, until = (float(each or "") for each in given)
    except ValueError:
        since = until = math.nan
    if not (math.isfinite(since) and math.isfinite(until) and since < until):
        raise RequestRefused(400, "No such span of time", {"from": "milliseconds", "to": "more"})
    return Window(since, until)


async def show_text(request: Request) -> Response:
    """`GET /admin/stream_traces/ID/text`: all of it as lines, in the reader's time. Raises
    NoSuchRecord and StoreError; cancelled, the answer has no end."""
    trace_id = request.path_params["trace_id"]
    views = office_of(request).views
    found: tuple[TraceRecord, Trace] = await views.read(partial(get_turn, trace_id=trace_id))
    return StreamingResponse(
        slices(
            line + "\n" for line in tell_turn(*found, language_of(request), clock_of(request).zone)
        ),
        media_type="text/plain; charset=utf-8",
        headers=attachment(f"{trace_id}.txt"),
    )


async def delete(request: Request) -> Response:
    """`POST /admin/stream_traces/ID/delete`. Raises NoSuchRecord; StoreError, also where its turn
    still runs. Cancelled, it may be deleted or not."""
    query = read_wanted(request).query
    work = partial(delete_trace, trace_id=request.path_params["trace_id"])
    await office_of(request).desk.run(work)
    return RedirectResponse(query.address(LIST), HTTPStatus.SEE_OTHER)


_ONE: Final = LIST + "/{trace_id}"
PAGE: Final = Page(
    "stream_trace",
    [
        Route(_ONE, show),
        Route(_ONE + "/text", show_text),
        Route(_ONE + "/delete", delete, methods=["POST"]),
    ],
    read_fragments,
    is_in_menu=False,
)
