"""`POST /api/rokid/push`: something to be said to a wearer outside an answer (PROTOCOL 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from eyeclaw_trio.errors import BadMessage, RequestRefused, TryLater
from eyeclaw_trio.protocol.push import decode_push_request
from eyeclaw_trio.server.pushes import Pushes, PushSource
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

# Bytes of a body; what may be said is far less.
_BODY_LIMIT: Final = 131_072


@frozen
class PushDoor:
    """Takes pushes of access keys and of bots' tokens."""

    pushes: Pushes
    on_key_used: Callable[[int], None]

    async def answer(self, request: Request, connection: HttpConnection) -> None:
        """Handle one POST: check it, have it said, say under which id.

        Raises RequestRefused (400, 401, 403, 409, 413, 429, 503) and ReaderGone. Cancellation
        leaves nothing of the request, or what was begun.
        """
        reception = self.pushes.reception
        reception.check_head(request)
        source = self._require_source(request)
        room = reception.questions.portion(source.name)
        try:
            body = await connection.receive_body(_BODY_LIMIT, room.take)
            try:
                asked = decode_push_request(body)
            except BadMessage as bad:
                raise RequestRefused(400, "Invalid request", bad.faults) from None
            trace_id = await self.pushes.submit(asked, self._require_source(request))
        finally:
            room.release()
        await connection.writer.respond_json(202, {"id": trace_id})

    def _require_source(self, request: Request) -> PushSource:
        """Who asks. Raises RequestRefused (401, 429; 503 while draining, and for
        too many connections)."""
        reception, token = self.pushes.reception, request.bearer
        bot = reception.gate.directory().find_bot_by_token(token) if token else None
        if bot is not None and not reception.is_draining():
            if not request.newcomer.vouch(("bot", bot.id)):
                raise TryLater("Too many connections with this token")
            return PushSource(f"bot {bot.id}", bot.id)
        key = reception.require_key(request)
        self.on_key_used(key.id)
        return PushSource(f"key {key.id}", key.bot_id, key.id)
