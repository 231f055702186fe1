"""Who is signed in, and the tokens of scripts."""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs
from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.forms import read_json
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.store import admin_access
from eyeclaw_trio.store.columns import read_clock


@frozen
class NewToken:
    """What is asked for."""

    name: str


async def list_sessions(request: Request) -> Response:
    """`GET /admin/api/sessions`. Raises StoreError; cancelled, nothing has happened."""
    views = office_of(request).views
    running_time = views.running_time
    found = await views.read(lambda db: admin_access.list_sessions(db, running_time))
    return answer_json(found)


async def end_session(request: Request) -> Response:
    """`DELETE /admin/api/sessions/ID`. Raises NoSuchRecord and StoreError; cancelled, it may be
    over or not."""
    session_id = int(request.path_params["session_id"])
    await office_of(request).desk.run(lambda db: admin_access.end_session(db, session_id))
    return Response(status_code=204)


async def list_tokens(request: Request) -> Response:
    """`GET /admin/api/tokens`. Raises StoreError; cancelled, nothing has happened."""
    return answer_json(await office_of(request).views.read(admin_access.list_tokens))


async def make_token(request: Request) -> Response:
    """`POST /admin/api/tokens`. Raises RequestRefused and StoreError; cancelled, it may be made,
    and nobody has seen it."""
    wanted = await read_json(request, NewToken)
    make = partial(admin_access.create_token, name=wanted.name, now=read_clock())
    made, secret = await office_of(request).desk.run(make)
    return answer_json({**attrs.asdict(made), "token": secret}, 201)


async def revoke_token(request: Request) -> Response:
    """`DELETE /admin/api/tokens/ID`. Raises NoSuchRecord and StoreError; cancelled, it may be
    revoked or not."""
    token_id = int(request.path_params["token_id"])
    await office_of(request).desk.run(lambda db: admin_access.revoke_token(db, token_id))
    return Response(status_code=204)


RESOURCE: Final = Resource(
    "access",
    [
        Route("/admin/api/sessions", list_sessions),
        Route("/admin/api/sessions/{session_id:int}", end_session, methods=["DELETE"]),
        Route("/admin/api/tokens", list_tokens),
        Route("/admin/api/tokens", make_token, methods=["POST"]),
        Route("/admin/api/tokens/{token_id:int}", revoke_token, methods=["DELETE"]),
    ],
)
