"""Providers: how each is, how fast it was against its target, and a check by a real question."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render, render_part
from eyeclaw_trio.admin.workshop import ProviderState, workshop_of
from eyeclaw_trio.core.provider_drawing import plot_first_tokens, split_answer


async def read_fragments(request: Request) -> Mapping[str, Markup]:
    """All providers. Raises StoreError; cancelled, nothing has happened."""
    states = await workshop_of(request).providers.list()
    shown = [
        {
            "state": each,
            "standing": standing_of(each),
            "plot": plot_first_tokens([kept.answer for kept in each.answers], each.targets),
            "bar": () if each.check is None else split_answer(each.check.answer.segments),
        }
        for each in states
    ]
    return {"providers": render_part(request, "_providers.html", providers=shown)}


async def show(request: Request) -> Response:
    """`GET /admin/providers`. Raises StoreError; cancelled, nothing has happened."""
    return render(request, "providers.html", page="providers", parts=await read_fragments(request))


async def check(request: Request) -> Response:
    """`POST /admin/providers/check`: ask it, then show all. Raises RequestRefused (404, 409, 503).
    Cancelled, the question is withdrawn."""
    name = (await read_form(request)).get("name", "")
    await workshop_of(request).providers.check(name)
    return RedirectResponse(PAGE.address, HTTPStatus.SEE_OTHER)


def standing_of(provider: ProviderState) -> str:
    """One word: `no_key`, `unasked`, `failing`, `slow` or `well`."""
    record = provider.record
    if record["key"] == "missing":
        return "no_key"
    if not provider.is_model:
        return "built_in"
    if not provider.answers:
        return "unasked"
    if provider.answers[-1].answer.reason is not None:
        return "failing"
    return "slow" if record["targets_missed"] > record["targets_met"] else "well"


PAGE: Final = Page(
    "providers",
    [
        Route("/admin/providers", show),
        Route("/admin/providers/check", check, methods=["POST"]),
    ],
    read_fragments,
)
