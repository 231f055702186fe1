"""`GET /skill/CODE`: what an agent reads to connect itself, shown once."""

from __future__ import annotations

from typing import Final

import trio
from attrs import frozen

from eyeclaw_trio.core.invitations import Invitations
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

PATH: Final = "/skill/"
_HEADERS: Final = (
    ("Content-Type", "text/markdown; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


@frozen
class InvitationDoor:
    """Hands out what waits. Who guesses is braked as whoever guesses keys."""

    invitations: Invitations
    gate: Gate

    async def show(self, request: Request, connection: HttpConnection) -> None:
        """Handle one GET. Raises RequestRefused (404, 405, 429) and ReaderGone; a cancelled write
        has used it up."""
        if request.method != "GET":  # a look at its head would use it up unread
            raise RequestRefused(405, "Method not allowed", headers=[("Allow", "GET")])
        code = request.path.removeprefix(PATH)
        text = self.invitations.take(code, trio.current_time())
        if text is None:
            self.gate.note_failure(request)
            raise RequestRefused(404, "Not found", "it was fetched already, or its time is over")
        await connection.writer.respond(200, text.encode(), _HEADERS)
