"""Backup: take a copy of the data, and have one restored at the next start."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import render
from eyeclaw_trio.admin.workshop import workshop_of


async def show(request: Request) -> Response:
    """`GET /admin/backup`. Waits for nothing."""
    waiting = workshop_of(request).backups.waiting
    return render(request, "backup.html", page="backup", waiting=waiting)


async def forget(request: Request) -> Response:
    """`POST /admin/backup/forget`: nothing is to be restored. Raises StoreError. Cancellation waits
    for it."""
    await workshop_of(request).backups.forget()
    return RedirectResponse(PAGE.address, HTTPStatus.SEE_OTHER)


PAGE: Final = Page(
    "backup",
    [
        Route("/admin/backup", show),
        Route("/admin/backup/forget", forget, methods=["POST"]),
    ],
)
