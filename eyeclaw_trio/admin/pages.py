"""The admin listener's application: metrics and health."""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from eyeclaw_trio.admin.hosts import AllowedHosts
from eyeclaw_trio.metrics import CONTENT_TYPE, Metrics


def make_admin_app(
    metrics: Metrics,
    health: Callable[[], tuple[int, dict[str, object]]],
    allowed_hosts: Collection[str] = (),
) -> ASGIApp:
    """The ASGI application. `health` gives the status and the body that `/health` has too;
    `allowed_hosts` are names that it answers to besides loopback's."""

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.render(), media_type=None, headers={"Content-Type": CONTENT_TYPE})

    async def show_health(_: Request) -> Response:
        status, body = health()
        return JSONResponse(body, status)

    pages = Starlette(routes=[Route("/metrics", show_metrics), Route("/health", show_health)])
    return AllowedHosts(pages, allowed_hosts)
