"""`POST /sse/rokid`: a question of the glasses, answered as server-sent events (PROTOCOL 1)."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from eyeclaw_trio.core.texts import choose_language
from eyeclaw_trio.errors import BotOffline
from eyeclaw_trio.protocol.sse import AnswerFraming
from eyeclaw_trio.server.front_door import Continuation
from eyeclaw_trio.server.reception import Asked, Reception
from eyeclaw_trio.server.sse_reply import SseReply
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

# The platform's own path for such bridges, so that a user can switch without touching settings.
PATHS: Final = ("/sse/rokid", "/metis/agent/api/sse")


@frozen
class GlassesDoor:
    """Answers questions of glasses."""

    reception: Reception
    has_error_event: bool = True

    async def answer(self, request: Request, connection: HttpConnection) -> Continuation:
        """Handle one POST: check it; what goes on finds the bot and relays the turn.

        Raises RequestRefused before the stream starts (PROTOCOL 1), then only ListenerGone.
        Cancellation ends the turn, whose trace says so.
        """
        asked = await self.reception.receive(request, connection)
        return self._answer(asked, connection)

    async def _answer(self, asked: Asked, connection: HttpConnection) -> None:
        question = asked.question
        reply = SseReply(
            connection,
            AnswerFraming(question.message_id, question.agent_id),
            choose_language(question.metadata.get("lang")),
            self.has_error_event,
        )
        with self.reception.traced(asked, "rokid") as turn:
            try:
                bot = self.reception.choose_bot(asked, turn.trace)
            except BotOffline as offline:
                await reply.apologise(offline)
                return
            relaying = self.reception.relay(asked, bot, reply, turn)
            del asked, question  # an answer may take minutes, and needs them no more
            await relaying
