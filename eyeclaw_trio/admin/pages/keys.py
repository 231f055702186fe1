"""Access keys: made, limited, replaced, revoked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from shlex import quote
from typing import Final

from attrs import frozen
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.forms import read_form, read_id, read_number
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.public_address import FORM_FIELDS, address_of, is_for_others
from eyeclaw_trio.admin.view import render
from eyeclaw_trio.core.directory import AccessKey
from eyeclaw_trio.store import admin_access, keys
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database

# Seconds that an old key may open still; the last is chosen at first.
GRACES: Final = (0, 3_600, 86_400, 604_800)


@frozen
class MadeKey:
    """A key that was made just now, with its secret; `old_until` where it is in another's place."""

    key: AccessKey
    secret: str
    old_until: str | None = None


async def show(request: Request, made: MadeKey | None = None) -> Response:
    """`GET /admin/keys`. Raises StoreError; cancelled, nothing has happened."""
    office = office_of(request)
    found = await office.views.read(keys.list_keys)
    tokens = await office.views.read(admin_access.list_tokens)
    address = address_of(request, office.surroundings.address)
    command = ""
    if made is not None:
        command = f"EYECLAW_KEY={made.secret} eyeclaw ask --server {quote(address.url)} '你好'"
    chosen = request.query_params.get("bot", "")
    return render(
        request,
        "keys.html",
        page="keys",
        keys=found,
        bots=office.views.directory.bots,
        graces=GRACES,
        made=made,
        chosen=int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else None,
        address=address,
        is_for_others=is_for_others(address),
        command=command,
        form_fields=FORM_FIELDS,
        tokens=tokens,
    )


async def create(request: Request) -> Response:
    """`POST /admin/keys`: make one, and show it this once. Raises RequestRefused, NoSuchRecord and
    StoreError; cancelled, it may be made, and nobody has seen it."""
    form = await read_form(request)
    name, bot_id = form.get("name", ""), read_id(form, "bot_id")
    make = partial(keys.create_key, name=name, bot_id=bot_id, now=read_clock())
    return await show(request, MadeKey(*await office_of(request).desk.run(make)))


async def rotate(request: Request) -> Response:
    """`POST /admin/keys/ID/rotate`: a new one in its place, shown this once. Raises as `create`,
    cancellation too."""
    form = await read_form(request)
    grace = keys.read_grace(read_number(form, "grace", int(keys.GRACE.total_seconds())))
    rotate_it = partial(keys.rotate_key, key_id=_id_of(request), grace=grace, now=read_clock())
    made = await office_of(request).desk.run(rotate_it)
    return await show(request, MadeKey(made.key, made.secret, made.old.open_until))


async def limit(request: Request) -> Response:
    """`POST /admin/keys/ID/limit`. Raises RequestRefused, NoSuchRecord and StoreError; cancelled,
    it may be done or not."""
    bot_id = read_id(await read_form(request), "bot_id")
    return await _change(request, partial(keys.limit_key, key_id=_id_of(request), bot_id=bot_id))


async def revoke(request: Request) -> Response:
    """`POST /admin/keys/ID/revoke`. Raises and is cancelled as `limit`."""
    return await _change(request, partial(keys.revoke_key, key_id=_id_of(request)))


async def restore(request: Request) -> Response:
    """`POST /admin/keys/ID/restore`. Raises and is cancelled as `limit`."""
    return await _change(request, partial(keys.restore_key, key_id=_id_of(request)))


async def _change(request: Request, work: Callable[[Database], AccessKey]) -> Response:
    await office_of(request).desk.run(work)
    return RedirectResponse(PAGE.address, HTTPStatus.SEE_OTHER)


def _id_of(request: Request) -> int:
    return int(request.path_params["key_id"])


PAGE: Final = Page(
    "keys",
    [
        Route("/admin/keys", show),
        Route("/admin/keys", create, methods=["POST"]),
        Route("/admin/keys/{key_id:int}/rotate", rotate, methods=["POST"]),
        Route("/admin/keys/{key_id:int}/limit", limit, methods=["POST"]),
        Route("/admin/keys/{key_id:int}/revoke", revoke, methods=["POST"]),
        Route("/admin/keys/{key_id:int}/restore", restore, methods=["POST"]),
    ],
)
