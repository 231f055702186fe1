"""Bots: who is there, how long they have been, and all that can be done to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from shlex import quote
from typing import Any, Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.bot_desk import (
    ShownBot,
    check_provider,
    invite_agent,
    list_shown_bots,
    show_bot,
)
from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.guard import is_page_of_ours
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.presence_views import recent_history, span_of
from eyeclaw_trio.admin.public_address import (
    FORM_FIELDS,
    address_of,
    is_for_others,
    remember_address,
)
from eyeclaw_trio.admin.qr_code import draw_code
from eyeclaw_trio.admin.view import render, render_part, words_of
from eyeclaw_trio.core.binding import LIFETIME, BindingCode
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.store import bindings, bots
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database
from eyeclaw_trio.store.sessions import list_bot_sessions


async def read_list(request: Request) -> Mapping[str, Markup]:
    """What moves on the list. Raises StoreError; cancelled, nothing has happened."""
    shown = await list_shown_bots(office_of(request))
    return {"bots": render_part(request, "_bots_list.html", bots=shown)}


async def read_one(request: Request) -> Mapping[str, Markup]:
    """What moves on the page of one bot. Raises NoSuchRecord, RequestRefused and StoreError;
    cancelled, nothing has happened."""
    each = await show_bot(office_of(request), _id_of(request))
    history = await recent_history(request, span_of(request))
    bot_id = each.bot.id
    return {
        "state": render_part(request, "_bot_state.html", each=each),
        "wearer": render_part(request, "_bot_wearer.html", each=each),
        "history": render_part(
            request,
            "_bot_history.html",
            each=each,
            bar=history.bar(bot_id),
            outages=history.outages(bot_id),
        ),
    }


async def show_list(request: Request) -> Response:
    """`GET /admin/bots`. Raises StoreError; cancelled, nothing has happened."""
    office = office_of(request)
    address = address_of(request, office.surroundings.address)
    return render(
        request,
        "bots.html",
        page="bots",
        parts=await read_list(request),
        provider_names=office.surroundings.provider_names,
        address=address,
        is_for_others=is_for_others(address),
    )


async def show_one(
    request: Request, token: str = "", invitation: str = "", code: BindingCode | None = None
) -> Response:
    """`GET /admin/bots/ID`; `token`, `invitation` and `code` were made just now. Raises as
    `read_one`, cancellation too."""
    office = office_of(request)
    each: ShownBot = await show_bot(office, _id_of(request))
    parts = await read_one(request)
    sessions = await office.views.read(partial(list_bot_sessions, bot_id=each.bot.id))
    address = address_of(request, office.surroundings.address)
    shown_token = token or "bt_…"
    return render(
        request,
        "bot.html",
        page="bots",
        each=each,
        parts=parts,
        sessions=sessions,
        span=span_of(request).name.lower(),
        token=token,
        invitation=invitation,
        code=code,
        lasts=int(LIFETIME.total_seconds()),
        drawn=None if code is None else draw_code(code.text),
        rules=office.surroundings.wearer_rules,
        form_fields=FORM_FIELDS,
        provider_names=office.surroundings.provider_names,
        address=address,
        command=f"EYECLAW_TOKEN={shown_token} eyeclaw connect --server {quote(address.url)} "
        f"--bot {each.bot.id} --provider openclaw",
    )


async def add(request: Request) -> Response:
    """`POST /admin/bots`: add one; a token is shown this once. Raises RequestRefused and
    StoreError; cancelled, it may be added."""
    form = await read_form(request)
    office = office_of(request)
    provider = check_provider(office, form.get("provider") or None)
    name = _check_name(request, form.get("name", ""))
    work = partial(bots.add_bot, name=name, provider=provider, now=read_clock())
    bot, token = await office.desk.run(work)
    if token is None:
        return _go(f"{PAGE.address}/{bot.id}")
    request.path_params["bot_id"] = bot.id
    return await show_one(request, token=token)


async def make_token(request: Request) -> Response:
    """`POST /admin/bots/ID/token`: a new one, shown this once. Raises and is cancelled as `add`."""
    work = partial(bots.new_token, bot_id=_id_of(request))
    return await show_one(request, token=await office_of(request).desk.run(work))


async def invite(request: Request) -> Response:
    """`POST /admin/bots/ID/invitation`: a one-time address. Raises and is cancelled as `add`."""
    office = office_of(request)
    address = address_of(request, office.surroundings.address)
    return await show_one(request, invitation=await invite_agent(office, _id_of(request), address))


async def make_binding_code(request: Request) -> Response:
    """`POST /admin/bots/ID/binding`: a code that binds a wearer, shown this once. Raises and is
    cancelled as `add`."""
    work = partial(bindings.make_binding_code, bot_id=_id_of(request), now=read_clock())
    return await show_one(request, code=await office_of(request).desk.run(work))


async def rename(request: Request) -> Response:
    """`POST /admin/bots/ID/name`. Raises and is cancelled as `add`."""
    name = _check_name(request, (await read_form(request)).get("name", ""), _id_of(request))
    return await _change(request, partial(bots.rename_bot, name=name))


async def change_provider(request: Request) -> Response:
    """`POST /admin/bots/ID/provider`. Raises and is cancelled as `add`."""
    provider = check_provider(office_of(request), (await read_form(request)).get("provider", ""))
    return await _change(request, partial(bots.change_provider, provider=provider or ""))


async def make_default(request: Request) -> Response:
    """`POST /admin/bots/ID/default`. Raises and is cancelled as `add`."""
    return await _change(request, bots.make_default)


async def unbind(request: Request) -> Response:
    """`POST /admin/bots/ID/unbind`. Raises and is cancelled as `add`."""
    return await _change(request, bots.unbind_bot)


async def remove(request: Request) -> Response:
    """`POST /admin/bots/ID/remove`. Raises and is cancelled as `add`."""
    await office_of(request).desk.run(partial(bots.remove_bot, bot_id=_id_of(request)))
    return _go(PAGE.address)


async def choose_address(request: Request) -> Response:
    """`POST /admin/bots/address`: how this gateway is reached, kept by the browser. Raises
    RequestRefused and ConfigurationError; cancelled, nothing has happened."""
    form = await read_form(request)
    back = form.get("back", "")
    answer = _go(back if is_page_of_ours(back) else PAGE.address)
    remember_address(answer, form.get("address", ""))
    return answer


async def _change(request: Request, work: Callable[..., Bot]) -> Response:
    bot_id = _id_of(request)

    def change(db: Database) -> Bot:
        return work(db, bot_id=bot_id)

    await office_of(request).desk.run(change)
    return _go(f"{PAGE.address}/{bot_id}")


def _id_of(request: Request) -> int:
    named: Any = request.path_params.get("bot_id", request.query_params.get("bot_id", ""))
    return int(named) if str(named).isascii() and str(named).isdigit() else 0


def _check_name(request: Request, name: str, of_bot: int | None = None) -> str:
    """The same name. Raises RequestRefused, in the words of the page, where another bot has it."""
    known = office_of(request).views.directory.bots.values()
    other = next((bot.id for bot in known if bot.name == name.strip() and bot.id != of_bot), None)
    if other is not None:
        problem = words_of(request)("error.name_taken", bot_id=other)
        raise RequestRefused(400, "The name is taken", problem)
    return name


def _go(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


PAGE: Final = Page(
    "bots",
    [
        Route("/admin/bots", show_list),
        Route("/admin/bots", add, methods=["POST"]),
        Route("/admin/bots/address", choose_address, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}", show_one),
        Route("/admin/bots/{bot_id:int}/name", rename, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}/provider", change_provider, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}/default", make_default, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}/token", make_token, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}/invitation", invite, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}/binding", make_binding_code, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}/unbind", unbind, methods=["POST"]),
        Route("/admin/bots/{bot_id:int}/remove", remove, methods=["POST"]),
    ],
    read_list,
)
ONE_BOT: Final = Page("bot", [], read_one, is_in_menu=False)
