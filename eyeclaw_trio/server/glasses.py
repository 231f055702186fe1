"""`POST /sse/rokid`: a question of the glasses, answered as server-sent events (PROTOCOL 1)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from attrs import field, frozen

from eyeclaw_trio.core.awaited_photos import KEPT, Talk
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.texts import choose_language
from eyeclaw_trio.errors import BotOffline, KeyOutdated, NotBound, WearerRefused
from eyeclaw_trio.protocol.endpoint import OTHER_SSE_PATH, SSE_PATH
from eyeclaw_trio.protocol.rokid import Question
from eyeclaw_trio.protocol.sse import AnswerFraming
from eyeclaw_trio.server.binding_dialogue import BindingDialogue
from eyeclaw_trio.server.front_door import Continuation
from eyeclaw_trio.server.late import LateTurns
from eyeclaw_trio.server.photo_desk import PhotoExpectation
from eyeclaw_trio.server.reception import Asked, Reception
from eyeclaw_trio.server.sse_reply import SseReply, StreamHabits
from eyeclaw_trio.server.traced_turn import TracedTurn
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

# The platform's own path for such bridges, so that a user can switch without touching settings.
PATHS: Final = (SSE_PATH, OTHER_SSE_PATH)


@frozen
class GlassesDoor:
    """Answers questions of glasses."""

    reception: Reception
    habits: StreamHabits = field(factory=StreamHabits)
    refuses_aloud: bool = False
    binding: BindingDialogue | None = None
    late: LateTurns | None = None

    async def answer(self, request: Request, connection: HttpConnection) -> Continuation:
        """Handle one POST: check it; what goes on finds the bot and relays the turn.

        Raises RequestRefused before the stream starts (PROTOCOL 1), then only ReaderGone.
        Cancellation ends the turn, whose trace says so.
        """
        if self.refuses_aloud:
            former = self.reception.gate.find_former_key(request)
            if former is not None:
                question = await self.reception.receive_refused(request, connection, former)
                return self._refuse(question, connection)
        asked = await self.reception.receive(request, connection)
        return self._answer(asked, connection)

    async def _refuse(self, question: Question, connection: HttpConnection) -> None:
        """Say that its key is out of date: a bare 401 leaves the glasses thinking for ever, and the
        platform goes on for a while to send a key that was changed there (PROTOCOL 1)."""
        wording = Wording(choose_language(question.metadata.get("lang")))
        reply = self._reply(question, connection, wording)
        await reply.apologise(KeyOutdated())

    def _reply(self, question: Question, connection: HttpConnection, wording: Wording) -> SseReply:
        framing = AnswerFraming(question.message_id, question.agent_id)
        return SseReply(connection, framing, wording, self.habits)

    def _await_photo(self, question: Question, bot: Bot, reply: SseReply) -> None:
        """A photo that the glasses are told to take will belong to this question."""
        photos = self.reception.photos
        if photos is not None:
            talk = Talk(bot.id, question.user_id, question.message_id)
            # Of a long question no more than that, for as long as its answer takes.
            reply.on_action = PhotoExpectation(photos, talk, question.asked.text[:KEPT])

    async def _bind(
        self, asked: Asked, reply: SseReply, turn: TracedTurn, unbound: NotBound
    ) -> None:
        if self.binding is not None:
            await self.binding.talk(asked, reply, turn.trace)
            return
        turn.trace.end_with(unbound)
        await reply.apologise(unbound)

    async def _answer(self, asked: Asked, connection: HttpConnection) -> None:
        with self.reception.traced(asked, "rokid") as turn:
            answering = self._begin(asked, connection, turn)
            del asked, connection  # an answer may take minutes, and needs no more of the question
            await answering

    def _begin(
        self, asked: Asked, connection: HttpConnection, turn: TracedTurn
    ) -> Coroutine[Any, Any, None]:
        """Find the bot that answers, or what is said without one; it is to be awaited at once."""
        wording = self.reception.wording_for(asked, turn.trace)
        reply = self._reply(asked.question, connection, wording)
        try:
            bot = self.reception.choose_bot(asked, turn.trace)
        except NotBound as unbound:
            return self._bind(asked, reply, turn, unbound)
        except (BotOffline, WearerRefused) as failure:
            return reply.apologise(failure)
        self._await_photo(asked.question, bot, reply)
        if self.late is not None and self.late.take(bot, asked.question.user_id):
            return self.late.relay(asked.question, bot, reply, turn)
        return self.reception.relay(asked.question, bot, reply, turn)
