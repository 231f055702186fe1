"""The overview: is everything well, who is there, and what is asked just now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render, render_part


async def read_fragments(request: Request) -> Mapping[str, Markup]:
    """What moves on it. Waits for nothing."""
    office = office_of(request)
    bots = office.views.directory.bots
    online = {bot.id: office.now.is_online(bot.id) for bot in bots.values()}
    _, health = office.now.health()
    return {
        "state": render_part(
            request, "_overview_state.html", health=health, is_nobody_there=not any(online.values())
        ),
        "figures": render_part(request, "_overview_figures.html", health=health),
        "turns": render_part(
            request, "_overview_turns.html", turns=office.now.running_turns(), bots=bots
        ),
        "bots": render_part(request, "_overview_bots.html", bots=bots.values(), online=online),
    }


async def show(request: Request) -> Response:
    """`GET /admin/`. Waits for nothing."""
    parts = await read_fragments(request)
    return render(request, "overview.html", page="overview", parts=parts)


PAGE: Final = Page("overview", [Route("/admin/", show)], read_fragments)
