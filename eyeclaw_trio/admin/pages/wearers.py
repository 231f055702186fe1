"""Wearers: who has asked, and whom a bot is bound to."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render
from eyeclaw_trio.store.bots import unbind_bot
from eyeclaw_trio.store.wearers import list_wearers


async def show(request: Request) -> Response:
    """`GET /admin/wearers`. Raises StoreError; cancelled, nothing has happened."""
    views = office_of(request).views
    found = await views.read(list_wearers)
    bots = views.directory.bots
    return render(request, "wearers.html", page="wearers", wearers=found, bots=bots)


async def unbind(request: Request) -> Response:
    """`POST /admin/wearers/ID/unbind`: part the wearer of this bot from it. Raises NoSuchRecord and
    StoreError; cancelled, it may be done or not."""
    bot_id = int(request.path_params["bot_id"])
    await office_of(request).desk.run(partial(unbind_bot, bot_id=bot_id))
    return RedirectResponse(PAGE.address, HTTPStatus.SEE_OTHER)


PAGE: Final = Page(
    "wearers",
    [
        Route("/admin/wearers", show),
        Route("/admin/wearers/{bot_id:int}/unbind", unbind, methods=["POST"]),
    ],
)
