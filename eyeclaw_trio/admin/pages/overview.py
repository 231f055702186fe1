"""The overview: is everything well, who is there, what is asked just now, and how it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.bot_desk import list_shown_bots
from eyeclaw_trio.admin.findings import find_faults
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.overview_views import read_behind
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.presence_views import span_of
from eyeclaw_trio.admin.view import render, render_part


async def read_fragments(request: Request) -> Mapping[str, Markup]:
    """What moves on it. Raises RequestRefused and StoreError; cancelled, nothing has happened."""
    office = office_of(request)
    bots = office.views.directory.bots
    behind = await read_behind(request, span_of(request))
    shown = await list_shown_bots(office)
    bars = {bot_id: behind.history.bar(bot_id) for bot_id in bots}
    statistics = behind.statistics
    _, health = office.now.health()
    faults = await find_faults(request)
    turns = office.now.running_turns()
    return {
        "state": render_part(request, "_overview_state.html", faults=faults),
        "figures": render_part(
            request, "_overview_figures.html", health=health, total=statistics.total
        ),
        "bots": render_part(request, "_overview_bots.html", bots=shown, bars=bars),
        "turns": render_part(request, "_overview_turns.html", turns=turns, bots=bots),
        "plots": render_part(request, "_overview_plots.html", statistics=statistics),
        "providers": render_part(
            request, "_overview_providers.html", providers=office.surroundings.describe_providers()
        ),
        "failures": render_part(
            request, "_overview_failures.html", failures=behind.failures, bots=bots
        ),
    }


async def show(request: Request) -> Response:
    """`GET /admin/`. Raises and is cancelled as `read_fragments`."""
    parts = await read_fragments(request)
    span = span_of(request).name.lower()
    return render(request, "overview.html", page="overview", parts=parts, span=span)


PAGE: Final = Page("overview", [Route("/admin/", show)], read_fragments)
