"""`GET /health`: whether the gateway takes questions, without a secret (PROTOCOL 6)."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from eyeclaw_trio.server.http import HttpConnection, Request

Health = Callable[[], tuple[int, dict[str, object]]]


@frozen
class HealthDoor:
    """Shows what `health` says: a status, and a body for people and probes."""

    health: Health

    async def show(self, _: Request, connection: HttpConnection) -> None:
        """Handle one GET."""
        status, body = self.health()
        await connection.respond_json(status, body)
