"""Who has asked, and whom a bot is bound to."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.store.wearers import list_wearers


async def show(request: Request) -> Response:
    """`GET /admin/api/wearers`. Raises StoreError; cancelled, nothing has happened."""
    return answer_json(await office_of(request).views.read(list_wearers))


RESOURCE: Final = Resource("wearers", [Route("/admin/api/wearers", show)])
