"""Bots: who is there, since when, and what can be done to one."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs
from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.bot_desk import (
    ShownBot,
    check_provider,
    invite_agent,
    list_shown_bots,
    show_bot,
)
from eyeclaw_trio.admin.forms import read_json
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.presence_views import read_history, span_of
from eyeclaw_trio.core.invitations import LIFETIME
from eyeclaw_trio.protocol.endpoint import read_endpoint
from eyeclaw_trio.store import bots
from eyeclaw_trio.store.bindings import make_binding_code
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database
from eyeclaw_trio.store.sessions import list_bot_sessions


@frozen
class NewBot:
    """What is asked for; without a provider it links."""

    name: str
    provider: str | None = None


@frozen
class BotChange:
    """What is to be another; what is left out stays."""

    name: str | None = None
    provider: str | None = None
    is_default: bool | None = None


@frozen
class InvitationAddress:
    """Where the gateway is reached by who is invited."""

    address: str


async def list_all(request: Request) -> Response:
    """`GET /admin/api/bots`. Raises StoreError; cancelled, nothing has happened."""
    return answer_json([_plain(each) for each in await list_shown_bots(office_of(request))])


async def show(request: Request) -> Response:
    """`GET /admin/api/bots/ID`. Raises NoSuchRecord and StoreError; cancelled, nothing has
    happened."""
    return answer_json(_plain(await show_bot(office_of(request), _id_of(request))))


async def add(request: Request) -> Response:
    """`POST /admin/api/bots`. Raises RequestRefused and StoreError; cancelled, it may be added."""
    wanted, office = await read_json(request, NewBot), office_of(request)
    provider = check_provider(office, wanted.provider)
    work = partial(bots.add_bot, name=wanted.name, provider=provider, now=read_clock())
    bot, token = await office.desk.run(work)
    return answer_json({**_plain(await show_bot(office, bot.id)), "token": token}, 201)


async def change(request: Request) -> Response:
    """`PATCH /admin/api/bots/ID`. Raises RequestRefused, NoSuchRecord and StoreError; cancelled, it
    may be done, or a part of it."""
    wanted, office = await read_json(request, BotChange), office_of(request)
    provider, bot_id = check_provider(office, wanted.provider), _id_of(request)

    def work(db: Database) -> None:
        if wanted.provider is not None:
            bots.change_provider(db, bot_id, provider or "")
        if wanted.name is not None:
            bots.rename_bot(db, bot_id, wanted.name)
        if wanted.is_default:
            bots.make_default(db, bot_id)

    await office.desk.run(work)
    return answer_json(_plain(await show_bot(office, bot_id)))


async def remove(request: Request) -> Response:
    """`DELETE /admin/api/bots/ID`. Raises NoSuchRecord and StoreError; cancelled, it may be done or
    not."""
    await office_of(request).desk.run(partial(bots.remove_bot, bot_id=_id_of(request)))
    return Response(status_code=204)


async def make_token(request: Request) -> Response:
    """`POST /admin/api/bots/ID/token`. Raises NoSuchRecord and StoreError; cancelled, it may be
    made, and nobody has seen it."""
    bot_id = _id_of(request)
    token = await office_of(request).desk.run(partial(bots.new_token, bot_id=bot_id))
    return answer_json({"id": bot_id, "token": token}, 201)


async def invite(request: Request) -> Response:
    """`POST /admin/api/bots/ID/invitation`. Raises RequestRefused, ConfigurationError, NoSuchRecord
    and StoreError; cancelled, the token may be made, and nobody has seen it."""
    address = read_endpoint((await read_json(request, InvitationAddress)).address)
    url = await invite_agent(office_of(request), _id_of(request), address)
    return answer_json({"url": url, "seconds": int(LIFETIME)}, 201)


async def make_code(request: Request) -> Response:
    """`POST /admin/api/bots/ID/binding`: what stands in a QR code that binds a wearer. Raises
    NoSuchRecord and StoreError; cancelled, it may be made, and nobody has seen it."""
    work = partial(make_binding_code, bot_id=_id_of(request), now=read_clock())
    return answer_json(await office_of(request).desk.run(work), 201)


async def unbind(request: Request) -> Response:
    """`POST /admin/api/bots/ID/unbind`. Raises and is cancelled as `remove`."""
    office, bot_id = office_of(request), _id_of(request)
    await office.desk.run(partial(bots.unbind_bot, bot_id=bot_id))
    return answer_json(_plain(await show_bot(office, bot_id)))


async def show_presence(request: Request) -> Response:
    """`GET /admin/api/bots/ID/presence`. Raises RequestRefused, NoSuchRecord and StoreError;
    cancelled, nothing has happened."""
    bot_id = (await show_bot(office_of(request), _id_of(request))).bot.id
    history = await read_history(request, span_of(request))
    bar = history.bar(bot_id)
    beats = [
        {
            "began": each.began,
            "kind": each.beat.kind,
            "minutes": each.beat.minutes,
            "online": each.beat.online,
            "offline": each.beat.offline,
            "broken": each.beat.broken,
        }
        for each in bar.strokes
    ]
    percent = None if bar.percent is None else float(bar.percent)
    return answer_json(
        {"percent_online": percent, "beats": beats, "outages": history.outages(bot_id)}
    )


async def list_sessions(request: Request) -> Response:
    """`GET /admin/api/bots/ID/sessions`. Raises NoSuchRecord and StoreError; cancelled, nothing has
    happened."""
    office = office_of(request)
    bot_id = (await show_bot(office, _id_of(request))).bot.id
    found = await office.views.read(partial(list_bot_sessions, bot_id=bot_id))
    hidden = attrs.filters.exclude("metadata", "bot_id")
    return answer_json([attrs.asdict(each, filter=hidden) for each in found])


def _plain(each: ShownBot) -> dict[str, Any]:
    bot = attrs.asdict(each.bot, filter=attrs.filters.exclude("token_digest", "is_default"))
    return {
        **bot,
        "online": each.is_online,
        "last_ping_at": each.heard_at,
        "is_default": each.is_default,
        "why_offline": each.why,
    }


def _id_of(request: Request) -> int:
    return int(request.path_params["bot_id"])


_ONE: Final = "/admin/api/bots/{bot_id:int}"

RESOURCE: Final = Resource(
    "bots",
    [
        Route("/admin/api/bots", list_all),
        Route("/admin/api/bots", add, methods=["POST"]),
        Route(_ONE, show),
        Route(_ONE, change, methods=["PATCH"]),
        Route(_ONE, remove, methods=["DELETE"]),
        Route(_ONE + "/token", make_token, methods=["POST"]),
        Route(_ONE + "/invitation", invite, methods=["POST"]),
        Route(_ONE + "/binding", make_code, methods=["POST"]),
        Route(_ONE + "/unbind", unbind, methods=["POST"]),
        Route(_ONE + "/presence", show_presence),
        Route(_ONE + "/sessions", list_sessions),
    ],
)
