"""The same bots for OpenAI clients: chat completions, and which models there are (PROTOCOL 6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from attrs import field, frozen

from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.routing import CompletionAsker, choose_for_completion, list_models
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.core.texts import Language, choose_language
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.errors import BotOffline, RequestRefused, WearerRefused
from eyeclaw_trio.protocol.decoding import Opaque
from eyeclaw_trio.protocol.openai_answer import (
    CompletionFraming,
    describe_model,
    describe_models,
    describe_refusal,
)
from eyeclaw_trio.protocol.openai_request import decode_completion_request
from eyeclaw_trio.protocol.rokid import Question
from eyeclaw_trio.relay.turn import Reply
from eyeclaw_trio.server.bot_command import make_command
from eyeclaw_trio.server.completion_reply import StreamedCompletion, WholeCompletion
from eyeclaw_trio.server.front_door import Continuation
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.server.photo_desk import AskedPhotos
from eyeclaw_trio.server.reception import Asked, Reception
from eyeclaw_trio.server.traced_turn import TracedTurn
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

PATH: Final = "/v1/chat/completions"
MODELS_PATH: Final = "/v1/models"
MODEL_PATH: Final = "/v1/models/"
AGENT_HEADER: Final = "x-openclaw-agent-id"
# Answers that are kept until they are whole, of all keys together (bytes).
WHOLE_ANSWERS: Final = 64 * 1_048_576


@frozen
class CompletionDoor:
    """Answers OpenAI clients. `providers` are those that may be named as a model."""

    reception: Reception
    providers: tuple[str, ...] = ()
    whole_answers: Shares = field(factory=lambda: Shares(WHOLE_ANSWERS))

    async def answer(self, request: Request, connection: HttpConnection) -> Continuation:
        """Handle one POST: check it; what goes on finds the bot and relays the turn.

        Raises ReaderGone; what is to be refused is said in OpenAI's way. Cancellation ends the
        turn, whose trace says so.
        """
        try:
            asked = await self.reception.receive(request, connection, decode_completion_request)
        except RequestRefused as refused:
            await _refuse(refused, connection)
            return None
        named = request.headers.get(AGENT_HEADER, "").strip()
        language = choose_language(request.headers.get("accept-language", "").partition(",")[0])
        return self._answer(asked, named, language, connection)

    async def _answer(
        self, asked: Asked, named: str, language: Language, connection: HttpConnection
    ) -> None:
        with self.reception.traced(asked, "openai") as turn:
            trace, question = turn.trace, asked.question
            trace.message_id = f"chatcmpl-{trace.session_id}"
            room = self.whole_answers.portion(asked.key.id)
            framing = CompletionFraming(
                trace.message_id,
                question.agent_name,
                int(time.time()),
                question.wishes.includes_usage,
            )
            wording = self.reception.wording(language, trace)
            reply: StreamedCompletion | WholeCompletion
            if question.wishes.streams:
                reply = StreamedCompletion(connection, framing, wording, trace)
            else:
                reply = WholeCompletion(connection, framing, wording, trace, room)
            try:
                bot = self._choose(asked, named, trace)
                relaying = self._relay(question, bot, reply, turn)
                del asked, question  # an answer may take minutes, and needs them no more
                await relaying
            except RequestRefused as refused:
                await _refuse(refused, connection, trace)
            except (BotOffline, WearerRefused) as failure:
                await reply.apologise(failure)
            finally:
                room.release()

    def _choose(self, asked: Asked, named: str, trace: Trace) -> Bot | str:
        question = asked.question
        asker = CompletionAsker(
            asked.key, question.agent_name, named, question.user_id, self.providers
        )
        return self.reception.choose(lambda known: choose_for_completion(known, asker), trace)

    def _relay(
        self, question: Question, chosen: Bot | str, reply: Reply, turn: TracedTurn
    ) -> Coroutine[Any, Any, None]:
        """Ask just this: what the gateway knows of wearers and conversations stays out of it."""
        reception, photos = self.reception, None
        station = reception.find_station(chosen, turn.trace)
        command = make_command(question, station.bot_id, turn.trace)
        if question.photos:
            is_linked = isinstance(chosen, Bot) and chosen.provider is None
            limit = reception.limits.cable_message if is_linked else None
            usual = WearerSettings().photo_question
            photos = AskedPhotos.of(question, station.bot_id, turn, usual, limit)
        return reception.relay_command(command, station, reply, turn, photos)


@frozen
class ModelsDoor:
    """Says which models a key may name."""

    gate: Gate
    providers: tuple[str, ...]
    on_key_used: Callable[[int], None]

    async def list(self, request: Request, connection: HttpConnection) -> None:
        """Handle one GET of all. Raises ReaderGone; cancellation may leave half an answer."""
        await self._answer(request, connection, describe_models)

    async def show(self, request: Request, connection: HttpConnection) -> None:
        """Handle one GET of one. Raises ReaderGone; cancellation may leave half an answer."""
        wanted = unquote(request.path.removeprefix(MODEL_PATH))

        def find(models: Mapping[str, int]) -> Opaque:
            if wanted not in models:
                raise RequestRefused(404, "No such model", {"model": "must be one that is listed"})
            return describe_model(wanted, models[wanted])

        await self._answer(request, connection, find)

    async def _answer(
        self,
        request: Request,
        connection: HttpConnection,
        describe: Callable[[Mapping[str, int]], Opaque],
    ) -> None:
        try:
            key = self.gate.require_key(request)
            self.on_key_used(key.id)
            models = list_models(self.gate.directory(), key, self.providers)
            said = describe({name: _since(bot) for name, bot in models.items()})
        except RequestRefused as refused:
            await _refuse(refused, connection)
        else:
            await connection.writer.respond_json(200, said)


def _since(bot: Bot | None) -> int:
    """Unix seconds; 0 for what is no bot and was always there."""
    return 0 if bot is None else int(datetime.fromisoformat(bot.created_at).timestamp())


async def _refuse(
    refused: RequestRefused, connection: HttpConnection, trace: Trace | None = None
) -> None:
    headers = [*refused.headers, *([("X-Request-Id", trace.trace_id)] if trace else [])]
    await connection.writer.respond_json(refused.status, describe_refusal(refused), headers)
