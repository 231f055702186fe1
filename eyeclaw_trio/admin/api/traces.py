"""Stream traces: lists, counts, dots, and one with all that happened in it."""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.pages.traces import read_wanted
from eyeclaw_trio.admin.slices import slices
from eyeclaw_trio.admin.trace_board import ROWS, read_dots, read_filters, read_page
from eyeclaw_trio.admin.trace_text import attachment, tell_json
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.store.trace_list import LONGEST_PAGE
from eyeclaw_trio.store.trace_places import delete_trace
from eyeclaw_trio.store.traces import get_turn

_TRACES: Final = "/admin/api/stream_traces"
# Too long for a list: they come with the trace itself.
_NOT_LISTED: Final = ("events", "sdk_content", "sse_content", "missing_sequences")


async def list_traces(request: Request) -> Response:
    """`GET /admin/api/stream_traces`, with the query of the page. Raises RequestRefused (400),
    NoSuchRecord for a place that is none, StoreError; cancelled, nothing has happened."""
    query, limit = read_wanted(request).query, _read_limit(request)
    views = office_of(request).views
    page = await views.read(partial(read_page, query=query, limit=limit))
    return answer_json({"traces": [_summary(each) for each in page.traces], "next": page.next})


async def count(request: Request) -> Response:
    """`GET /admin/api/stream_traces/counts`: what the filters could choose. Raises and cancelled
    as `list_traces`."""
    wanted = read_wanted(request)
    read = partial(read_filters, query=wanted.query, clock=wanted.clock)
    return answer_json({"filters": await office_of(request).views.read(read)})


async def show_dots(request: Request) -> Response:
    """`GET /admin/api/stream_traces/dots`: many turns, each with its delay. Raises and cancelled
    as `list_traces`."""
    query = read_wanted(request).query
    return answer_json(
        {"dots": await office_of(request).views.read(partial(read_dots, query=query))}
    )


async def show(request: Request) -> Response:
    """`GET /admin/api/stream_traces/ID`, with all its events. Raises NoSuchRecord and StoreError;
    cancelled, the answer has no end."""
    trace_id = request.path_params["trace_id"]
    found = await office_of(request).views.read(partial(get_turn, trace_id=trace_id))
    is_file = "download" in request.query_params
    return StreamingResponse(
        slices(tell_json(*found)),
        media_type="application/json",
        headers=attachment(f"{trace_id}.json") if is_file else None,
    )


async def delete(request: Request) -> Response:
    """`DELETE /admin/api/stream_traces/ID`. Raises NoSuchRecord; StoreError, also where its turn
    still runs. Cancelled, it may be deleted or not."""
    work = partial(delete_trace, trace_id=request.path_params["trace_id"])
    await office_of(request).desk.run(work)
    return Response(status_code=204)


def _summary(record: TraceRecord) -> dict[str, object]:
    values = attrs.asdict(record, recurse=False)
    return {name: value for name, value in values.items() if name not in _NOT_LISTED}


def _read_limit(request: Request) -> int:
    text = request.query_params.get("limit", str(ROWS))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LONGEST_PAGE):
        detail = {"limit": f"a number from 1 to {LONGEST_PAGE}"}
        raise RequestRefused(400, "No such length of a page", detail)
    return int(text[:9])


RESOURCE: Final = Resource(
    "traces",
    [
        Route(_TRACES, list_traces),
        Route(_TRACES + "/counts", count),
        Route(_TRACES + "/dots", show_dots),
        Route(_TRACES + "/{trace_id}", show),
        Route(_TRACES + "/{trace_id}", delete, methods=["DELETE"]),
    ],
)
