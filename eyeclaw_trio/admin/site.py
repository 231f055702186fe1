"""The admin listener's application: metrics and health for scrapers, pages for the owner, and the
API of the pages for scripts."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from eyeclaw_trio.admin.api import access as access_api
from eyeclaw_trio.admin.api import bots as bots_api
from eyeclaw_trio.admin.api import keys as keys_api
from eyeclaw_trio.admin.api import live as live_api
from eyeclaw_trio.admin.api import overview as overview_api
from eyeclaw_trio.admin.api import status as status_api
from eyeclaw_trio.admin.api import traces as traces_api
from eyeclaw_trio.admin.api import try_it as try_it_api
from eyeclaw_trio.admin.api import wearers as wearers_api
from eyeclaw_trio.admin.api import workshop as workshop_api
from eyeclaw_trio.admin.api.resource import Resource, answer_json, describe
from eyeclaw_trio.admin.failures import explain, explain_error
from eyeclaw_trio.admin.guard import HOME, STATIC, Guard, Protected
from eyeclaw_trio.admin.hosts import AllowedHosts
from eyeclaw_trio.admin.kept import Kept
from eyeclaw_trio.admin.live import LivePages
from eyeclaw_trio.admin.office import Office
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.pages import (
    backup,
    bots,
    entry,
    health,
    keys,
    log,
    overview,
    providers,
    sessions,
    settings,
    trace,
    traces,
    try_it,
    wearers,
)
from eyeclaw_trio.admin.sessions import Doorkeeper
from eyeclaw_trio.admin.settings import AdminSettings
from eyeclaw_trio.admin.static_files import StaticFiles
from eyeclaw_trio.admin.workshop import Workshop
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.metrics import CONTENT_TYPE, Metrics

# In the order of the menu.
PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    traces.PAGE,
    trace.PAGE,
    bots.PAGE,
    keys.PAGE,
    wearers.PAGE,
    try_it.PAGE,
    providers.PAGE,
    settings.PAGE,
    health.PAGE,
    log.PAGE,
    backup.PAGE,
    sessions.PAGE,
)
RESOURCES: Final[tuple[Resource, ...]] = (
    status_api.RESOURCE,
    overview_api.RESOURCE,
    bots_api.RESOURCE,
    keys_api.RESOURCE,
    wearers_api.RESOURCE,
    access_api.RESOURCE,
    live_api.RESOURCE,
    traces_api.RESOURCE,
    try_it_api.RESOURCE,
    workshop_api.RESOURCE,
)


@frozen
class AdminParts:
    """What the pages live on."""

    office: Office
    workshop: Workshop
    doorkeeper: Doorkeeper
    live: LivePages
    metrics: Metrics
    settings: AdminSettings


def make_admin_app(parts: AdminParts) -> ASGIApp:
    """The ASGI application."""
    description = describe(RESOURCES)

    async def show_metrics(_: Request) -> Response:
        text = parts.metrics.render()
        return Response(text, media_type=None, headers={"Content-Type": CONTENT_TYPE})

    async def show_health(_: Request) -> Response:
        status, body = parts.office.now.health()
        return JSONResponse(body, status)

    async def show_description(_: Request) -> Response:
        return answer_json(description)

    async def go_home(_: Request) -> Response:
        return RedirectResponse(HOME)

    app = Starlette(
        routes=[
            Route("/metrics", show_metrics),
            Route("/health", show_health),
            Route("/", go_home),
            Route("/admin", go_home),
            Route(STATIC + "{name}", StaticFiles.load().show),
            Route("/admin/api/openapi.json", show_description),
            *entry.ROUTES,
            *(route for page in PAGES for route in page.routes),
            *(route for resource in RESOURCES for route in resource.routes),
        ],
        middleware=[Middleware(Guard, parts.doorkeeper, explain)],
        exception_handlers={
            EyeclawError: explain_error,
            HTTPException: explain_error,
            Exception: explain_error,
        },
    )
    app.router.redirect_slashes = False
    app.state.office = parts.office
    app.state.workshop = parts.workshop
    app.state.doorkeeper = parts.doorkeeper
    app.state.live = parts.live
    app.state.kept = Kept()
    app.state.menu = [page.link for page in PAGES if page.is_in_menu]
    app.state.pages = {page.name: page for page in (*PAGES, bots.ONE_BOT)}
    return Protected(AllowedHosts(app, parts.settings.allowed_hosts))
