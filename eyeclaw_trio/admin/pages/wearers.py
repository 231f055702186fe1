"""Wearers: who has asked, who may, and whom a bot is bound to."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Final

from attrs import frozen
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render
from eyeclaw_trio.core.directory import Standing
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.protocol.rokid import LONGEST_ID
from eyeclaw_trio.store import memory
from eyeclaw_trio.store.bots import unbind_bot
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database
from eyeclaw_trio.store.wearers import Wearer, forget_wearer, list_wearers, say_standing

# What a form says of a wearer, and what that is; `nothing` takes back what was said.
_STANDINGS: Final[dict[str, Standing | None]] = {
    "allowed": "allowed",
    "blocked": "blocked",
    "nothing": None,
}


@frozen
class ShownWearer:
    """A wearer, and whether a question of his is answered now. `is_in_file`: the settings name
    him."""

    wearer: Wearer
    may_ask: bool
    is_in_file: bool


async def list_shown_wearers(request: Request) -> list[ShownWearer]:
    """All that are known. Raises StoreError; cancelled, nothing has happened."""
    office = office_of(request)
    rules, directory = office.surroundings.wearer_rules, office.views.directory
    return [
        ShownWearer(
            each,
            rules.lets_ask(directory, each.user_id),
            each.user_id in rules.allowed_users,
        )
        for each in await office.views.read(list_wearers)
    ]


async def show(request: Request) -> Response:
    """`GET /admin/wearers`. Raises StoreError; cancelled, nothing has happened."""
    office = office_of(request)
    return render(
        request,
        "wearers.html",
        page="wearers",
        wearers=await list_shown_wearers(request),
        bots=office.views.directory.bots,
        rules=office.surroundings.wearer_rules,
        longest=LONGEST_ID,
    )


async def say(request: Request) -> Response:
    """`POST /admin/wearers/standing?user_id=ID`, or with the id in the form: allow or block one, or
    take back what was said. Raises RequestRefused (400) and StoreError; cancelled, it may be done
    or not."""
    form = await read_form(request)
    said = form.get("standing", "")
    if said not in _STANDINGS:
        raise RequestRefused(400, "The form cannot be read", f"standing: {', '.join(_STANDINGS)}")
    user_id = request.query_params.get("user_id") or form.get("user_id", "").strip()
    work = partial(say_standing, user_id=user_id, standing=_STANDINGS[said], now=read_clock())
    await office_of(request).desk.run(work)
    return _go_back()


async def forget(request: Request) -> Response:
    """`POST /admin/wearers/forget?user_id=ID`. Raises and is cancelled as `say`."""
    await forget_all_of(request, request.query_params.get("user_id", ""))
    return _go_back()


async def forget_all_of(request: Request, user_id: str) -> None:
    """Part this wearer from his bot, take his id out of the traces, and forget what he has talked
    about. Raises StoreError; cancelled, it may be done, in part or not."""

    def work(db: Database) -> None:
        memory.forget(db, user_id=user_id, now=read_clock())
        forget_wearer(db, user_id)

    await office_of(request).desk.run(work)


async def unbind(request: Request) -> Response:
    """`POST /admin/wearers/ID/unbind`: part the wearer of this bot from it. Raises NoSuchRecord and
    StoreError; cancelled, it may be done or not."""
    bot_id = int(request.path_params["bot_id"])
    await office_of(request).desk.run(partial(unbind_bot, bot_id=bot_id))
    return _go_back()


def _go_back() -> Response:
    return RedirectResponse(PAGE.address, HTTPStatus.SEE_OTHER)


PAGE: Final = Page(
    "wearers",
    [
        Route("/admin/wearers", show),
        Route("/admin/wearers/standing", say, methods=["POST"]),
        Route("/admin/wearers/forget", forget, methods=["POST"]),
        Route("/admin/wearers/{bot_id:int}/unbind", unbind, methods=["POST"]),
    ],
)
