"""How the gateway is, and what is asked just now."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.office import office_of


async def show(request: Request) -> Response:
    """`GET /admin/api/status`. Waits for nothing."""
    now = office_of(request).now
    _, health = now.health()
    return answer_json({"health": health, "running_turns": now.running_turns()})


RESOURCE: Final = Resource("status", [Route("/admin/api/status", show)])
