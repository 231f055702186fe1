"""Providers: how each is, how fast it was against its target, and a check by a real question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import trio
from attrs import frozen
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.kept import freshness, kept_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import language_of, render
from eyeclaw_trio.admin.workshop import ProviderState, workshop_of
from eyeclaw_trio.core.provider_drawing import (
    BarPart,
    TimingPlot,
    plot_first_tokens,
    split_answer,
)

# Seconds for which open pages show what was read.
_FRESH: Final = 2.5


@frozen
class ShownProvider:
    """A provider, how it stands in one word, and what is drawn of it once it is rendered."""

    state: ProviderState

    @property
    def standing(self) -> str:
        """See `standing_of`."""
        return standing_of(self.state)

    @property
    def plot(self) -> TimingPlot:
        """The first token of each answer."""
        return plot_first_tokens([kept.answer for kept in self.state.answers], self.state.targets)

    @property
    def bar(self) -> Sequence[BarPart]:
        """Where the time of its last check went."""
        return () if self.state.check is None else split_answer(self.state.check.answer.segments)


async def read_fragments(request: Request) -> Mapping[str, Markup]:
    """All providers. Raises StoreError; cancelled, nothing has happened."""
    kept, language = kept_of(request), language_of(request)
    work = workshop_of(request).providers.list
    states = await kept.read("providers", freshness(request, _FRESH), work)
    cards = []
    for number, each in enumerate(states):
        card = kept.render(
            language, "_provider.html", each.name, each=ShownProvider(each), number=number
        )
        cards.append(card)
        await trio.lowlevel.checkpoint()
    return {"providers": Markup("").join(cards)}


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
