"""Who has asked, who may, and whom a bot is bound to."""

from __future__ import annotations

from functools import partial
from typing import Final

from attrs import asdict, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.forms import read_json
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.pages.wearers import forget_all_of, list_shown_wearers
from eyeclaw_trio.core.directory import Standing
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.wearers import say_standing


@frozen
class SaidOfWearer:
    """What is said of a wearer; null: what was said is taken back."""

    user_id: str
    standing: Standing | None


@frozen
class NamedWearer:
    """Who is meant."""

    user_id: str


async def show(request: Request) -> Response:
    """`GET /admin/api/wearers`. Raises StoreError; cancelled, nothing has happened."""
    shown = await list_shown_wearers(request)
    return answer_json([{**asdict(each.wearer), "may_ask": each.may_ask} for each in shown])


async def say(request: Request) -> Response:
    """`POST /admin/api/wearers/standing`. Raises RequestRefused and StoreError; cancelled, it may
    be done or not."""
    said = await read_json(request, SaidOfWearer)
    work = partial(
        say_standing, user_id=said.user_id.strip(), standing=said.standing, now=read_clock()
    )
    await office_of(request).desk.run(work)
    return Response(status_code=204)


async def forget(request: Request) -> Response:
    """`POST /admin/api/wearers/forget`. Raises RequestRefused and StoreError; cancelled, it may be
    done, in part or not."""
    await forget_all_of(request, (await read_json(request, NamedWearer)).user_id)
    return Response(status_code=204)


RESOURCE: Final = Resource(
    "wearers",
    [
        Route("/admin/api/wearers", show),
        Route("/admin/api/wearers/standing", say, methods=["POST"]),
        Route("/admin/api/wearers/forget", forget, methods=["POST"]),
    ],
)
