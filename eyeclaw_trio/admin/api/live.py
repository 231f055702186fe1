"""What moves on a page, as server-sent events: its fragments, rendered anew."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import Final, cast

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from eyeclaw_trio.admin.api.resource import Resource
from eyeclaw_trio.admin.guard import COOKIE, visitor_of
from eyeclaw_trio.admin.live import Fragments, LivePages
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.sessions import Doorkeeper
from eyeclaw_trio.admin.view import language_of
from eyeclaw_trio.errors import RequestRefused


async def follow(request: Request) -> ASGIApp:
    """`GET /admin/api/live/PAGE`, or `PAGE/ID` for a page of one thing, with the query of the page.
    Raises RequestRefused (404, 503);
    cancelled, nothing has happened."""
    state = request.app.state
    page = cast(Mapping[str, Page], state.pages).get(request.path_params["page"])
    if page is None or page.fragments is None:
        raise RequestRefused(404, "Nothing moves on a page of this name")
    request.state.is_live = True
    doorkeeper, live = cast(Doorkeeper, state.doorkeeper), cast(LivePages, state.live)
    shared = live.share(_key_of(request, page), partial(page.fragments, request))

    async def look() -> Fragments | None:
        visitor = visitor_of(request)
        if visitor is not None and visitor.session is not None:
            if await doorkeeper.find_session(request.cookies.get(COOKIE, "")) is None:
                return None  # signed out meanwhile
        elif not await _is_token_good(doorkeeper, request):
            return None
        return await shared.fragments()

    return live.follow(look)


def _key_of(request: Request, page: Page) -> Hashable:
    """What a page shows depends on nothing else: its address, and what the browser has chosen."""
    cookies = {name: value for name, value in request.cookies.items() if name != COOKIE}
    query = request.url.query
    chosen = (language_of(request), frozenset(cookies.items()))
    return page.name, request.path_params.get("trace_id"), query, *chosen


async def _is_token_good(doorkeeper: Doorkeeper, request: Request) -> bool:
    presented = request.headers.get("authorization", "").partition(" ")[2].strip()
    return await doorkeeper.find_token(presented) is not None


RESOURCE: Final = Resource(
    "live",
    [
        Route("/admin/api/live/{page}", follow),
        Route("/admin/api/live/{page}/{trace_id}", follow),
    ],
)
