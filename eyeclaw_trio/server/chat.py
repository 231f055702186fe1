"""`GET /ws/stream/{session_id}`: chat clients, from the upgrade to the turns (PROTOCOL 4)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from operator import attrgetter
from typing import Final

import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.conversation import Conversations, Exchange, Speaker
from eyeclaw_trio.core.directory import AccessKey
from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.routing import ChatChoice, choose_for_chat
from eyeclaw_trio.core.texts import Language, choose_language, provider_refused, still_answering
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.errors import (
    BadMessage,
    BotOffline,
    GatewayStopping,
    KeyRevoked,
    ProviderRefused,
    RequestRefused,
)
from eyeclaw_trio.protocol.chat import (
    CANCELLED,
    PONG,
    Ask,
    CancelAnswer,
    ChatFraming,
    ChatPing,
    UnknownSignal,
    decode_from_chat,
    encode_error,
    read_session_id,
)
from eyeclaw_trio.protocol.endpoint import CHAT_PATH
from eyeclaw_trio.protocol.frames import POLICY
from eyeclaw_trio.protocol.timestamps import format_timestamp
from eyeclaw_trio.protocol.to_bot import CommandMetadata, CommandParams, ExecuteCommand
from eyeclaw_trio.server.chat_reply import ChatReply, encode_failure
from eyeclaw_trio.server.front_door import Continuation, Upgrade
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.server.reception import Reception
from eyeclaw_trio.server.traced_turn import TracedTurn
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.newcomers import SOCKET
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.request_reader import Request
from eyeclaw_trio.wire.services import Services
from eyeclaw_trio.wire.socket_kind import SocketKind
from eyeclaw_trio.wire.streams import ReplayedStream
from eyeclaw_trio.wire.upgrade import check_upgrade
from eyeclaw_trio.wire.websocket import GOING_AWAY, ServerSocket

PATH: Final = f"{CHAT_PATH}/"
# What waits for a client that reads nothing: a slice of an answer, and as much of signals (bytes).
OUTBOX: Final = 131_072


def chat_kind(
    services: Services, limits: Limits, patience: Patience, *, has_shortcut: bool
) -> SocketKind:
    """The sockets of chat clients."""
    return SocketKind(
        services,
        message_limit=limits.request_body,
        outbox_limit=OUTBOX,
        write_timeout=patience.write_timeout,
        has_shortcut=has_shortcut,
    )


@frozen
class ChatDoor:
    """Takes chat clients. `choice` says which providers they may name; `chats` are those that
    are here now, `conversations` what was said with all."""

    reception: Reception
    origins: Origins
    choice: ChatChoice
    kind: SocketKind
    peers: PeerLog = field(factory=PeerLog, kw_only=True)
    chats: LiveSet[ChatSession] = field(factory=LiveSet)
    conversations: Conversations[Speaker] = field(
        factory=lambda: Conversations(None, attrgetter("key_id"))
    )

    async def serve(self, request: Request, _: HttpConnection) -> Continuation:
        """Handle one upgrade. Raises RequestRefused before it: 404 for a foreign browser's
        origin, 400 and 426 for what is no handshake or no session, 401 and 429 for a key that
        is none, 503 while draining. It never waits, so it is never cancelled: its continuation
        is."""
        self.origins.check(request)
        check_upgrade(request)
        key = self.reception.require_key(request, in_query=True)
        try:
            session_id = read_session_id(request.path)
        except BadMessage as bad:
            raise RequestRefused(400, "Invalid session id", bad.faults) from None
        if not request.newcomer.hold(SOCKET):
            raise self.reception.gate.refuse_one_more(request, key)
        session = ChatSession(
            self,
            key,
            Speaker(key.id, session_id),
            ChatFraming(is_json=request.query.get("format") == "json"),
            choose_language(request.headers.get("accept-language", "").partition(",")[0]),
            request.newcomer.admission,
        )
        return Upgrade(partial(self._serve, session))

    async def _serve(self, session: ChatSession, stream: ReplayedStream) -> None:
        with self.chats.one_more(session):
            await session.serve(stream)


@define(eq=False)
class _Running:
    """The answer that is being written."""

    reply: ChatReply
    turn: TracedTurn

    @property
    def trace(self) -> Trace:
        """Of its turn."""
        return self.turn.trace


class ChatSession:
    """One connection of a chat client: one answer at a time, of whoever it names.

    The conversation is not the connection's: it goes on when the client comes back.
    """

    def __init__(
        self,
        door: ChatDoor,
        key: AccessKey,
        speaker: Speaker,
        framing: ChatFraming,
        language: Language,
        admission: Callable[[], Awaitable[None]],
    ) -> None:
        self._admission = admission
        self._door = door
        self._key = key
        self._speaker = speaker
        self._framing = framing
        self._language = language
        self._reception = door.reception
        self._socket = ServerSocket(door.kind, key.id)
        self._answers: trio.Nursery | None = None
        self._running: _Running | None = None
        self._next: Ask | None = None
        self._last_words: tuple[int, str] | None = None

    @property
    def key_id(self) -> int:
        """The key that lets it be here."""
        return self._key.id

    async def serve(self, stream: ReplayedStream) -> None:
        """Be this connection until either side ends it, or cancelled; then no answer is left."""
        lines = self._door.peers.about(f"key {self.key_id}")
        lines.info("chat.opened")
        try:
            async with trio.open_nursery() as self._answers:
                await self._socket.run(self, stream)
        finally:
            self._answers = None  # whose task has this session
            lines.info("chat.closed")

    def leave(self, code: int, reason: str) -> None:
        """End the connection with this code and reason, behind the answer that is running."""
        if self._last_words is None:
            self._last_words = code, reason
        if self._running is None:
            self._socket.close(*self._last_words)

    def leave_for_restart(self) -> None:
        """The gateway stops: say so, behind the answer that is running."""
        self.leave(GOING_AWAY, "the gateway is stopping; connect again in a moment")

    # ---- as the socket sees it ------------------------------------------------------------------

    def on_open(self) -> None:
        """There is nothing to say: the client has the first word."""

    def on_frame(self, text: bytes | str) -> None:
        """Take one frame. Raises BadMessage for a malformed one."""
        match decode_from_chat(text):
            case ChatPing():
                self._say(PONG)
            case CancelAnswer():
                self._cancel()
            case UnknownSignal():
                self._say_error("unknown type; known are: cancel, ping", "unknown_type")
            case Ask() as question:
                self._take(question)

    def on_malformed(self, bad: BadMessage) -> None:
        """Say what is wrong with a malformed frame."""
        self._say_error(f"cannot be read: {bad}", "bad_message")

    def on_end(self) -> None:
        """The connection is over: so is the answer, and what waits behind it."""
        self._next = None
        if self._running is not None:
            if self._socket.is_slow:
                self._running.trace.end(Outcome.SLOW_READER)
            self._running.reply.leave()

    # ---- questions ------------------------------------------------------------------------------

    def _take(self, question: Ask) -> None:
        running = self._running
        if running is None:
            self._begin(question)
        elif running.reply.is_ending and self._next is None:
            # Its last word is out, and the client has read it before our own task was woken.
            self._next = question
        else:
            self._say_error(still_answering(self._language), "answering")

    def _cancel(self) -> None:
        """End the running answer. Where none runs, or its last word is on its way, there is
        nothing to say: every question gets one ending and no more."""
        if self._next is not None:  # it has not even begun
            self._next = None
            self._say(CANCELLED)
        elif self._running is not None and not self._running.reply.is_ending:
            self._running.reply.leave()

    def _begin(self, question: Ask) -> None:
        if self._reception.is_draining():
            self._say(encode_failure(GatewayStopping(), Wording(self._language)))
            return
        if self._answers is None:
            raise RuntimeError("a question before the connection was open")
        room = self._reception.questions.portion(self.key_id)
        if not room.take(len(question.message.encode())):
            self._say_error("Too much at once", "too_much")
            return
        now, session_id = trio.current_time(), self._speaker.session_id
        turn = self._reception.begin(
            "chat",
            now,
            message_id=session_id,
            question=question.message,
            asked_by=self.key_id,
            room=room,
        )
        self._reception.on_key_used(self.key_id)
        wording = self._reception.wording(self._language, turn.trace)
        reply = ChatReply(self._socket, self._framing, wording)
        self._running = _Running(reply, turn)
        turn.begin(self._reception.answers.one_more(turn.trace))  # a drain waits for it from now on
        self._answers.start_soon(self._answer, question, self._running)

    async def _answer(self, question: Ask, running: _Running) -> None:
        with running.turn:
            try:
                await self._relay(question, running)
            finally:
                if (said := running.reply.said).strip():
                    exchange = Exchange(question.message, said)
                    now = trio.current_time()
                    self._door.conversations.remember(self._speaker, exchange, now)
        self._conclude(running)

    async def _relay(self, question: Ask, running: _Running) -> None:
        await self._admission()  # of all that one key has here, thousands may ask in one instant
        reception, trace = self._reception, running.trace
        wanted, choice = question.provider or None, self._door.choice
        try:
            reception.gate.check_still_open(self.key_id)  # much can happen while it waits
            chosen = reception.choose(
                lambda directory: choose_for_chat(directory, self._key, wanted, choice), trace
            )
        except ProviderRefused as refused:
            self._say_error(provider_refused(refused, self._language), "bad_provider")
            return
        except RequestRefused as refused:
            self._say_error(refused.error, "bad_provider")
            return
        except (BotOffline, KeyRevoked) as failure:
            trace.end_with(failure)
            self._say(encode_failure(failure, running.reply.wording))
            return
        trace.agent_id = chosen if isinstance(chosen, str) else str(chosen.id)
        station = reception.find_station(chosen, trace)
        command = self._make_command(question, trace)
        await reception.relay_command(command, station, running.reply, running.turn)

    def _make_command(self, question: Ask, trace: Trace) -> ExecuteCommand:
        # `source` stays what it is for glasses: an SDK knows no other.
        exchanges = self._door.conversations.history(self._speaker, trio.current_time())
        said = [text for exchange in exchanges for text in exchange.texts]
        return ExecuteCommand(
            params=CommandParams(question.message),
            metadata=CommandMetadata(
                agent_id=trace.agent_id,
                session_id=trace.session_id,
                openclaw_session_id=self._speaker.name,
                trace_id=trace.trace_id,
                full_messages=tuple(
                    {"role": ("user", "agent")[index % 2], "type": "text", "text": text}
                    for index, text in enumerate([*said, question.message])
                ),
            ),
            timestamp=format_timestamp(time.time_ns()),
        )

    def _conclude(self, running: _Running) -> None:
        """The turn is over: say so where it has not been said, and be ready for the next."""
        self._running = None
        match running.trace.outcome:
            case Outcome.CANCELLED:
                self._say(CANCELLED)
            case Outcome.SLOW_READER:
                self._socket.close(POLICY, "too slow: the answer was not read in time")
        question, self._next = self._next, None
        if self._last_words is not None:
            self._socket.close(*self._last_words)
        elif question is not None:
            self._begin(question)

    def _say_error(self, message: str, code: str) -> None:
        self._say(encode_error(message, code))

    def _say(self, signal: bytes) -> None:
        self._socket.enqueue([signal])
