"""Health: what is looked at, what it means, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.findings import find_all
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render, render_part


async def read_fragments(request: Request) -> Mapping[str, Markup]:
    """All findings, and what `/health` says. Cancelled, nothing has happened."""
    findings = await find_all(request)
    status, body = office_of(request).now.health()
    return {
        "findings": render_part(request, "_findings.html", findings=findings),
        "health": render_part(request, "_health.html", status=status, body=body),
    }


async def show(request: Request) -> Response:
    """`GET /admin/health`. Cancelled, nothing has happened."""
    return render(request, "health.html", page="health", parts=await read_fragments(request))


PAGE: Final = Page("health", [Route("/admin/health", show)], read_fragments)
