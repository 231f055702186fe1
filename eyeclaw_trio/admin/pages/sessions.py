"""Who is signed in, and the tokens of scripts."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.guard import visitor_of
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render
from eyeclaw_trio.store import admin_access
from eyeclaw_trio.store.columns import read_clock


async def show(request: Request, made: tuple[str, str] | None = None) -> Response:
    """`GET /admin/sessions`; `made` is a token that was made just now, by name and secret. Raises
    StoreError; cancelled, nothing has happened."""
    views = office_of(request).views
    running_time = views.running_time
    sessions = await views.read(lambda db: admin_access.list_sessions(db, running_time))
    tokens = await views.read(admin_access.list_tokens)
    visitor = visitor_of(request)
    own = visitor.session.id if visitor is not None and visitor.session is not None else None
    return render(
        request,
        "sessions.html",
        page="sessions",
        sessions=sessions,
        own=own,
        tokens=tokens,
        made=made,
    )


async def end_session(request: Request) -> Response:
    """`POST /admin/sessions/ID/end`. Raises NoSuchRecord and StoreError; cancelled, it may be over
    or not."""
    session_id = int(request.path_params["session_id"])
    await office_of(request).desk.run(lambda db: admin_access.end_session(db, session_id))
    return _back()


async def make_token(request: Request) -> Response:
    """`POST /admin/sessions/tokens`: make one, and show it this once. Raises RequestRefused and
    StoreError; cancelled, it may be made, and nobody has seen it."""
    name = (await read_form(request)).get("name", "")
    make = partial(admin_access.create_token, name=name, now=read_clock())
    token, secret = await office_of(request).desk.run(make)
    return await show(request, (token.name, secret))


async def revoke_token(request: Request) -> Response:
    """`POST /admin/sessions/tokens/ID/revoke`. Raises NoSuchRecord and StoreError; cancelled, it
    may be revoked or not."""
    token_id = int(request.path_params["token_id"])
    await office_of(request).desk.run(lambda db: admin_access.revoke_token(db, token_id))
    return _back()


def _back() -> Response:
    return RedirectResponse(PAGE.address, HTTPStatus.SEE_OTHER)


PAGE: Final = Page(
    "sessions",
    [
        Route("/admin/sessions", show),
        Route("/admin/sessions/{session_id:int}/end", end_session, methods=["POST"]),
        Route("/admin/sessions/tokens", make_token, methods=["POST"]),
        Route("/admin/sessions/tokens/{token_id:int}/revoke", revoke_token, methods=["POST"]),
    ],
)
