"""Settings: every one in force, where it came from, and what may be changed here."""

from __future__ import annotations

from http import HTTPStatus
from itertools import groupby
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import language_of, render
from eyeclaw_trio.admin.workshop import SettingRow, workshop_of
from eyeclaw_trio.errors import RequestRefused


async def show(request: Request, refused: RequestRefused | None = None) -> Response:
    """`GET /admin/settings`; `refused` is what was wrong with a change. Cancelled, nothing has
    happened."""
    rows = await workshop_of(request).settings.list()
    return render(
        request,
        "settings.html",
        status=200 if refused is None else refused.status,
        page="settings",
        groups=[(name, list(each)) for name, each in groupby(rows, _group_of)],
        waiting=[each for each in rows if each.next_value is not None],
        refused=None if refused is None else refused.detail or refused.error,
        place=1 if language_of(request) == "zh" else 0,
        as_text=as_text,
    )


async def change(request: Request) -> Response:
    """`POST /admin/settings`: say `key` anew as `value`; `action=reset` takes it back.
    What does not fit is said above the settings (400, 409). Cancellation waits for the write."""
    form = await read_form(request)
    text = None if form.get("action") == "reset" else form.get("value", "")
    try:
        await workshop_of(request).settings.change(form.get("key", ""), text)
    except RequestRefused as refused:
        return await show(request, refused)
    return RedirectResponse(PAGE.address, HTTPStatus.SEE_OTHER)


def as_text(value: object) -> str:
    """A value as the settings' file has it, or nearly so."""
    match value:
        case None | () | [] | {}:
            return ""
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def _group_of(row: SettingRow) -> str:
    """Its table; empty for those above all tables."""
    return row.key.rpartition(".")[0]


PAGE: Final = Page(
    "settings",
    [Route("/admin/settings", show), Route("/admin/settings", change, methods=["POST"])],
)
