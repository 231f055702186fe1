"""The overview: is everything well, who is there, what is asked just now, and how it was."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import trio
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.bot_desk import list_shown_bots
from eyeclaw_trio.admin.findings import find_faults
from eyeclaw_trio.admin.kept import freshness, kept_of
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.overview_views import read_behind
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.presence_views import PresenceHistory, span_of
from eyeclaw_trio.admin.slices import joined
from eyeclaw_trio.admin.view import language_of, render, render_in, render_part

# Turns that run now and are shown, those that have run longest.
_TURNS: Final = 25
# Seconds for which they are shown to all who look: less than between two looks.
_FRESH: Final = 0.9
# Rows that are rendered in one go, half a millisecond of work.
_ROWS_TOGETHER: Final = 5


async def read_fragments(request: Request) -> Mapping[str, Markup]:
    """What moves on it. Raises RequestRefused and StoreError; cancelled, nothing has happened."""
    office, language = office_of(request), language_of(request)
    bots = office.views.directory.bots
    span = span_of(request)
    behind = await read_behind(request, span)
    part = partial(kept_of(request).render, language)
    _, health = office.now.health()
    turns = partial(_render_turns, request)
    return {
        "state": part("_overview_state.html", faults=await find_faults(request)),
        "figures": render_part(
            request, "_overview_figures.html", health=health, total=behind.statistics.total
        ),
        "bots": await _render_bots(request, behind.history),
        "turns": await kept_of(request).read(
            ("turns", language), freshness(request, _FRESH), turns
        ),
        "plots": part("_overview_plots.html", span, statistics=behind.statistics),
        "providers": part(
            "_overview_providers.html", providers=office.surroundings.describe_providers()
        ),
        "failures": part("_overview_failures.html", failures=behind.failures, bots=dict(bots)),
    }


async def _render_bots(request: Request, history: PresenceHistory) -> Markup:
    """All bots with their bars, which change once a minute. Cancelled, nothing has happened."""
    part = partial(kept_of(request).render, language_of(request))
    shown = await list_shown_bots(office_of(request))
    bars = {}
    for each in shown:
        bot_id, name = each.bot.id, each.bot.name
        variant, bar = (history.span, bot_id), history.bar(bot_id)
        bars[bot_id] = part("_overview_bar.html", variant, bar=bar, name=name)
        await trio.lowlevel.checkpoint()  # each takes 2 ms when a minute is over
    return part("_overview_bots.html", history.span, bots=shown, bars=bars)


async def _render_turns(request: Request) -> Markup:
    """The turns that run now. Cancelled, nothing has happened."""
    office, language = office_of(request), language_of(request)
    turns, bots = office.now.running_turns(), office.views.directory.bots

    def render_row(place: int) -> str:
        return render_in(language, "_overview_turn.html", each=turns[place], bots=bots)

    shown = min(len(turns), _TURNS)
    rows = await joined(map(render_row, range(shown)), _ROWS_TOGETHER)
    return render_part(
        request,
        "_overview_turns.html",
        rows=Markup(rows),  # noqa: S704  (escaped by the template)
        more=len(turns) - shown,
    )


async def show(request: Request) -> Response:
    """`GET /admin/`. Raises and is cancelled as `read_fragments`."""
    parts = await read_fragments(request)
    span = span_of(request).name.lower()
    return render(request, "overview.html", page="overview", parts=parts, span=span)


PAGE: Final = Page("overview", [Route("/admin/", show)], read_fragments)
