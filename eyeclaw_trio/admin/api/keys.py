"""Access keys, without what is secret in them but for the moment in which they are made."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs
from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.forms import read_json
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.core.directory import AccessKey
from eyeclaw_trio.store import keys
from eyeclaw_trio.store.columns import read_clock


@frozen
class NewKey:
    """What is asked for; without a bot it opens all of them."""

    name: str
    bot_id: int | None = None


@frozen
class KeyLimit:
    """The bot that it opens; None: all of them."""

    bot_id: int | None


@frozen
class Grace:
    """How long the old key opens still."""

    grace_seconds: int = int(keys.GRACE.total_seconds())


async def list_keys(request: Request) -> Response:
    """`GET /admin/api/keys`. Raises StoreError; cancelled, nothing has happened."""
    return answer_json(
        [_plain(each) for each in await office_of(request).views.read(keys.list_keys)]
    )


async def create(request: Request) -> Response:
    """`POST /admin/api/keys`. Raises RequestRefused, NoSuchRecord and StoreError; cancelled, it may
    be made, and nobody has seen it."""
    wanted = await read_json(request, NewKey)
    make = partial(keys.create_key, name=wanted.name, bot_id=wanted.bot_id, now=read_clock())
    key, secret = await office_of(request).desk.run(make)
    return answer_json({**_plain(key), "key": secret}, 201)


async def rotate(request: Request) -> Response:
    """`POST /admin/api/keys/ID/rotate`. Raises and is cancelled as `create`."""
    grace = keys.read_grace((await read_json(request, Grace)).grace_seconds)
    rotate_it = partial(keys.rotate_key, key_id=_id_of(request), grace=grace, now=read_clock())
    made = await office_of(request).desk.run(rotate_it)
    old = {"old_id": made.old.id, "old_until": made.old.open_until}
    return answer_json({**_plain(made.key), "key": made.secret, **old}, 201)


async def limit(request: Request) -> Response:
    """`POST /admin/api/keys/ID/limit`. Raises RequestRefused, NoSuchRecord and StoreError;
    cancelled, it may be done or not."""
    bot_id = (await read_json(request, KeyLimit)).bot_id
    work = partial(keys.limit_key, key_id=_id_of(request), bot_id=bot_id)
    return answer_json(_plain(await office_of(request).desk.run(work)))


async def revoke(request: Request) -> Response:
    """`POST /admin/api/keys/ID/revoke`. Raises NoSuchRecord and StoreError; cancelled, it may be
    done or not."""
    work = partial(keys.revoke_key, key_id=_id_of(request))
    return answer_json(_plain(await office_of(request).desk.run(work)))


async def restore(request: Request) -> Response:
    """`POST /admin/api/keys/ID/restore`. Raises and is cancelled as `revoke`."""
    work = partial(keys.restore_key, key_id=_id_of(request))
    return answer_json(_plain(await office_of(request).desk.run(work)))


def _plain(key: AccessKey) -> dict[str, Any]:
    """All of it but the digest."""
    return attrs.asdict(key, filter=attrs.filters.exclude("digest"))


def _id_of(request: Request) -> int:
    return int(request.path_params["key_id"])


RESOURCE: Final = Resource(
    "keys",
    [
        Route("/admin/api/keys", list_keys),
        Route("/admin/api/keys", create, methods=["POST"]),
        Route("/admin/api/keys/{key_id:int}/rotate", rotate, methods=["POST"]),
        Route("/admin/api/keys/{key_id:int}/limit", limit, methods=["POST"]),
        Route("/admin/api/keys/{key_id:int}/revoke", revoke, methods=["POST"]),
        Route("/admin/api/keys/{key_id:int}/restore", restore, methods=["POST"]),
    ],
)
