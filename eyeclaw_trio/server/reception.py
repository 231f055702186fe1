"""What every door for questions does with one: key, body, bot, trace, command, turn."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

import attrs
import structlog
import trio
from attrs import field, frozen

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.directory import AccessKey, Bot, Directory
from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.routing import Asker, WearerRules, choose_bot
from eyeclaw_trio.core.shares import Portion, Shares
from eyeclaw_trio.core.texts import Language, choose_language
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.errors import (
    BadMessage,
    BotOffline,
    ReaderGone,
    RequestRefused,
    TurnFailed,
    WearerRefused,
)
from eyeclaw_trio.protocol.rokid import Question, decode_question
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.relay.seam import TurnSide
from eyeclaw_trio.relay.station import Station
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.relay.turn import Reply, relay_turn
from eyeclaw_trio.server.bot_command import make_command
from eyeclaw_trio.server.gate import Gate, shutting_down
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.occasion import Occasion, Occasions, say_new_chat
from eyeclaw_trio.server.pace import Pace, alone
from eyeclaw_trio.server.photo_desk import AskedPhotos, PhotoDesk
from eyeclaw_trio.server.traced_turn import TracedTurn
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

log = structlog.get_logger(__name__)

Chosen = TypeVar("Chosen")

# Bodies of questions that are being received or answered, together (bytes). All keys share it, and
# what is made of a body may take some times its size.
QUESTIONS: Final = 24 * 1_048_576
# Pieces of answers that are held because an earlier one is missing, together (bytes). All keys
# share it too; what does not fit is healed by the summary.
HELD: Final = 32 * 1_048_576
_NO_BOT: Final = "`eyeclaw bot add NAME` adds one, `eyeclaw bot default ID` says which one answers"


class OpenAnswers(LiveSet[Trace]):
    """The answers that are being written, by their traces, for whoever waits for the last or ends
    one. Its key (without one it is the owner's own) and its bot give it the right to go on. What
    has to be done before a bot is asked is `preparing`, and cancelled at the drain's end."""

    def __init__(self) -> None:
        super().__init__()
        self.preparing: LiveSet[trio.CancelScope] = LiveSet()


@frozen
class Asked:
    """A question that has come in at `at` (monotonic seconds), from which address, with which
    key, and how much room it takes."""

    question: Question
    key: AccessKey
    at: float
    peer: str
    room: Portion


@frozen
class Reception:
    """What every door for questions does with one: reads and checks it, finds the bot that
    answers, relays the turn, and keeps its trace.

    `is_draining` says that no new turn may begin. `on_turn_begun` sees the trace of every turn
    that gets as far as a bot, before anything is sent; `on_turn_over` that of every turn, also of
    a refused or cancelled one. Neither may wait. Turns of a key go on at its `pace`.
    """

    gate: Gate
    switchboard: Switchboard
    patience: Patience
    limits: Limits
    is_draining: Callable[[], bool]
    answers: OpenAnswers
    on_key_used: Callable[[int], None]
    on_turn_over: Callable[[Trace], None]
    on_turn_begun: Callable[[Trace], None] = lambda _: None
    keeps_content: bool = False
    has_incident_codes: bool = False
    questions: Shares = field(factory=lambda: Shares(QUESTIONS))
    held: Shares = field(factory=lambda: Shares(HELD))
    photos: PhotoDesk | None = None
    wearer_rules: WearerRules = field(factory=WearerRules)
    occasions: Occasions = field(factory=Occasions)
    pace: Pace = alone

    async def receive(
        self,
        request: Request,
        connection: HttpConnection,
        decode: Callable[[bytes], Question] = decode_question,
    ) -> Asked:
        """Check who asks and read what, as `decode` reads it.

        Raises RequestRefused (PROTOCOL 1, last paragraph; 503 where too much of this key's is
        being asked already) and ReaderGone. Cancellation leaves nothing of the question.
        """
        key, directory = self.require_key(request), self.gate.directory()
        room = self.questions.portion(key.id)
        is_in = False
        try:
            question = await self._receive_question(request, connection, room, decode)
            await trio.lowlevel.checkpoint()  # that was work: others have their turn
            # From here on nothing waits until the turn is open: a drain and a revocation act once,
            # on what they find.
            if self.is_draining() or self.gate.directory() is not directory:
                key = self.require_key(
                    request
                )  # much can happen in the seconds that a body may take
            is_in = True
        finally:
            if not is_in:
                room.release()
        self.on_key_used(key.id)
        return Asked(question, key, trio.current_time(), request.peer, room)

    async def receive_refused(
        self, request: Request, connection: HttpConnection, key: AccessKey
    ) -> Question:
        """Read what is asked with this key, which opens nothing any more, to refuse it in words.

        Raises and is cancelled as `receive`.
        """
        if self.is_draining():
            raise shutting_down()
        room = self.questions.portion(key.id)
        try:
            return await self._receive_question(request, connection, room, decode_question)
        finally:
            room.release()

    def traced(self, asked: Asked, source: str) -> TracedTurn:
        """The trace of the turn that this question begins; over when it is left as a block."""
        question = asked.question
        return self.begin(
            source,
            asked.at,
            message_id=question.message_id,
            agent_id=question.agent_name,
            user_id=question.user_id,
            question=question.text,
            asked_by=asked.key.id,
            room=asked.room,
        )

    def begin(
        self,
        source: str,
        at: float,
        *,
        message_id: str,
        agent_id: str = "",
        user_id: str | None = None,
        question: str = "",
        asked_by: int | None = None,
        room: Portion | None = None,
    ) -> TracedTurn:
        """The trace of a turn that begins `at` (monotonic seconds), whoever asks, with this key or
        none; over when it is left as a block, which gives `room` back. What was asked is kept with
        the content."""
        random = secrets.token_hex(12 + 16)
        trace = Trace(
            trace_id=f"trace_{random[:24]}",
            session_id=random[24:],
            bot_id=None,
            started_at=at,
            message_id=message_id,
            agent_id=agent_id,
            user_id=user_id,
            asked_by=asked_by,
            source=source,
            keeps_content=self.keeps_content,
        )
        kept = {"question": question} if self.keeps_content and question else {}
        trace.note(Happening.REQUEST_RECEIVED, at, **kept)
        return TracedTurn(trace, room or self.questions.portion(asked_by), self.on_turn_over)

    def wording_for(self, asked: Asked, trace: Trace) -> Wording:
        """The words of ours for this turn, in the wearer's language."""
        return self.wording(choose_language(asked.question.metadata.get("lang")), trace)

    def wording(self, language: Language, trace: Trace) -> Wording:
        """The words of ours for this turn, in this language."""
        return Wording(language, trace if self.has_incident_codes else None)

    def choose_bot(self, asked: Asked, trace: Trace) -> Bot:
        """The bot that answers. Raises as `core/routing` does, RequestRefused among others."""
        question = asked.question
        asker = Asker(asked.key, question.agent_name, question.user_id, question.bot_id)
        bot = self.choose(lambda directory: choose_bot(directory, asker, self.wearer_rules), trace)
        trace.bot_id = bot.id
        return bot

    def choose(self, choice: Callable[[Directory], Chosen], trace: Trace) -> Chosen:
        """Who answers, as `choice` says; raises what that raises, noted in the trace."""
        try:
            return choice(self.gate.directory())
        except BotOffline as offline:
            self.gate.peers.warning("all", "turn.no_bot", why=str(offline), hint=_NO_BOT)
            trace.end(Outcome.OFFLINE, reason="no_bot")
            raise
        except RequestRefused:
            trace.end(Outcome.REJECTED)
            raise
        except WearerRefused as refused:
            trace.end_with(refused)
            raise

    def find_station(self, chosen: Bot | str, trace: Trace) -> Station:
        """Where this bot is asked, or a provider by its name; noted in the trace."""
        if isinstance(chosen, str):
            trace.provider = chosen
            return self.switchboard.provider_station(chosen)
        trace.bot_id = chosen.id
        return self.switchboard.station(chosen.id)

    def relay(
        self, question: Question, bot: Bot, reply: Reply, turn: TracedTurn
    ) -> Coroutine[Any, Any, None]:
        """Ask this bot and stream its answer into the reply, as `relay_turn` does.

        What is returned is to be awaited at once; it does without the question. Photos are taken
        in first.
        """
        occasion, trace = self.occasions.find(question, bot), turn.trace
        if occasion.is_new_chat:
            self._begin(turn)
            return say_new_chat(occasion.language, reply, trace)
        command = make_command(question, bot.id, trace, occasion)
        photos = self._photos_of(question, bot, occasion, turn) if question.photos else None
        station = self.switchboard.station(bot.id)

        def relay(reply: Reply) -> Coroutine[Any, Any, None]:
            return self.relay_command(command, station, reply, turn, photos)

        return self.occasions.remember(occasion, question, reply, relay)

    def relay_command(
        self,
        command: ExecuteCommand,
        station: TurnSide,
        reply: Reply,
        turn: TracedTurn,
        photos: AskedPhotos | None = None,
    ) -> Coroutine[Any, Any, None]:
        """As `relay`, for a command that is made already, about these photos."""
        if photos is not None and self.photos is not None and station.is_online:
            return self._relay_photos(self.photos, photos, command, station, reply, turn)
        trace = turn.trace
        self._begin(turn)
        room = self.held.portion(trace.asked_by)
        bot = None if trace.bot_id is None else self.gate.directory().bots.get(trace.bot_id)
        manner = self.occasions.find_manner(command, bot, trace.source)
        answer = Answer(self.patience, self.limits, trace, trio.current_time(), room, manner)
        pace = partial(self.pace, trace.asked_by)
        return relay_turn(command, station, reply, answer, trace, pace)

    async def _relay_photos(
        self,
        desk: PhotoDesk,
        photos: AskedPhotos,
        command: ExecuteCommand,
        station: TurnSide,
        reply: Reply,
        turn: TracedTurn,
    ) -> None:
        """Take these photos in, then go on as `relay_command`. Cancelled, the turn ends."""
        trace, over = turn.trace, trio.CancelScope()
        # The drain waits for it from now on; what is revoked meanwhile is looked at behind it.
        with self.answers.one_more(trace), self.answers.preparing.one_more(over):
            try:
                try:
                    command = await desk.complete(command, photos, reply, over)
                    self.gate.check_still_open(trace.asked_by)
                except TurnFailed as failure:
                    trace.end_with(failure)
                    await reply.apologise(failure)
                    return
            except ReaderGone as gone:
                trace.end_with(gone)
                return
        # Behind the block, which would take it away again.
        relaying = self.relay_command(command, station, reply, turn)
        del command, photos  # an answer may take minutes, and needs them no more
        await relaying

    def _photos_of(
        self, question: Question, bot: Bot, occasion: Occasion, turn: TracedTurn
    ) -> AskedPhotos:
        """The photos of this question: a bot that links gets their addresses, too, within a message
        that has a limit."""
        usual, is_linked = occasion.manners.wearer.photo_question, bot.provider is None
        limit = self.limits.cable_message if is_linked else None
        photos = AskedPhotos.of(question, bot.id, turn, usual, limit)
        return attrs.evolve(photos, may_be_missing=is_linked)

    def _begin(self, turn: TracedTurn) -> None:
        self.on_turn_begun(turn.trace)
        turn.begin(self.answers.one_more(turn.trace))

    def require_key(self, request: Request, *, in_query: bool = False) -> AccessKey:
        """The key of whoever comes. Raises RequestRefused: 503 while draining, else as the gate."""
        if self.is_draining():
            raise shutting_down()
        return self.gate.require_key(request, in_query=in_query)

    @staticmethod
    def check_head(request: Request) -> None:
        """Raises RequestRefused (415) for what is no JSON by its own word."""
        content_type = request.headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise RequestRefused(415, "Content-Type must be application/json")

    async def _receive_question(
        self,
        request: Request,
        connection: HttpConnection,
        room: Portion,
        decode: Callable[[bytes], Question],
    ) -> Question:
        self.check_head(request)
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.limits.request_body:
            raise RequestRefused(413, "Request body too large", {"limit": self.limits.request_body})
        body = await connection.receive_body(self.limits.request_body, room.take)
        try:
            return decode(body)
        except BadMessage as bad:
            raise RequestRefused(400, "Invalid request", bad.faults) from None
