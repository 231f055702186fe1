"""What is said on `/cable`: credentials, subscriptions, and BotChannel (PROTOCOL 2)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Protocol

import structlog
import trio
from attrs import field, frozen

from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.errors import BadMessage, RequestRefused
from eyeclaw_trio.protocol.bot import (
    CommandAsked,
    CommandReceived,
    Connected,
    Log,
    Ping,
    PongToBot,
    Status,
    StatusResponse,
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamSummary,
    ToBot,
    UnknownMessage,
    decode_from_bot,
    encode_to_bot,
)
from eyeclaw_trio.protocol.cable import (
    WELCOME,
    BotIdentifier,
    ChannelData,
    ChannelFraming,
    DataOpening,
    Subscribe,
    UnknownFrame,
    Unsubscribe,
    decode_from_client,
    decode_identifier,
    encode_confirmation,
    encode_rejection,
    read_bot_id,
)
from eyeclaw_trio.relay.station import Station
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.cable_socket import CableLine, CableSocket, check_upgrade
from eyeclaw_trio.server.front_door import Origins
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.server.http import HttpConnection, Request
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.replayed_stream import ReplayedStream
from eyeclaw_trio.server.stream_channel import StreamChannel

log = structlog.get_logger(__name__)


class SessionBook(Protocol):
    """Where the sessions of bots are written down; nothing here waits."""

    def session_opened(self, bot_id: int, session_id: str, metadata: dict[str, object]) -> None:
        """A bot has linked."""

    def session_heard(self, session_id: str) -> None:
        """A heartbeat of the bot on this session."""

    def session_closed(self, session_id: str) -> None:
        """The link has ended."""


@frozen(eq=False)
class LiveLink:
    """One link that lives: whose it is, and the token (as its digest) that let it in."""

    socket: CableSocket
    bot_id: int
    token_digest: bytes | None = field(repr=False)


class LinkedBots(LiveSet[LiveLink]):
    """The links that live now, to be told when the gateway stops or their token is gone."""


@frozen
class CableDoor:
    """Takes `GET /cable`: checks who comes and serves the link until it ends."""

    gate: Gate
    origins: Origins
    switchboard: Switchboard
    limits: Limits
    sessions: SessionBook
    links: LinkedBots
    is_draining: Callable[[], bool]
    line: CableLine
    stream_channel: StreamChannel

    async def serve(self, request: Request, connection: HttpConnection) -> None:
        """Handle one upgrade. Raises RequestRefused before it: 404 for a foreign browser's
        origin, 400 and 426 for what is no handshake, 429 for guessing, 503 while draining."""
        origin = request.headers.get("origin")
        if origin is not None and not self.origins.allows(origin):
            raise RequestRefused(404, "Not found")
        check_upgrade(request)
        worker = self.stream_channel.recognise(request)
        if worker is not None:
            if self.is_draining() and not self.stream_channel.turns:
                raise RequestRefused(503, "Shutting down", headers=[("Retry-After", "5")])
            socket = CableSocket(self.line)
            connection.hand_over(partial(self.stream_channel.serve, worker, socket))
            return
        bot = self._find_bot(request)
        if self.is_draining() and not (bot and self.switchboard.station(bot.id).open_turns):
            # A bot whose answer still runs may come back and finish it; nobody else comes now.
            raise RequestRefused(503, "Shutting down", headers=[("Retry-After", "5")])
        socket = CableSocket(self.line)
        if bot is None:
            if request.bearer or request.query.get("sdk_token") or request.query.get("access_key"):
                self.gate.note_failure(request)
            connection.hand_over(partial(socket.run, _Stranger(socket)))
            return
        link = BotLink(socket, self.switchboard.station(bot.id), self.sessions)
        live = LiveLink(socket, bot.id, bot.token_digest)
        connection.hand_over(partial(self._serve_bot, link, live))

    async def _serve_bot(self, link: BotLink, live: LiveLink, stream: ReplayedStream) -> None:
        with self.links.one_more(live):
            try:
                await live.socket.run(link, stream)
            finally:
                link.ended()

    def _find_bot(self, request: Request) -> Bot | None:
        """The bot whose token came along, in the query or as Bearer; None for bad credentials."""
        token = request.query.get("sdk_token") or request.bearer
        if not token:
            return None
        directory = self.gate.directory()
        if "bot_id" not in request.query:
            return directory.find_bot_by_token(token)
        try:
            bot_id = read_bot_id(request.query["bot_id"])
        except BadMessage:
            return None
        return directory.bots[bot_id] if directory.is_token_of(bot_id, token) else None


@frozen
class _Stranger:
    """Whoever comes without good credentials: let in to be told, then out."""

    socket: CableSocket

    def opened(self) -> None:
        self.socket.disconnect("unauthorized", reconnect=False)

    def frame(self, text: bytes | str) -> None:
        pass


class BotLink:
    """One authenticated link of a bot; a `relay.link.Link` once it has subscribed.

    What the bot says of its turns counts even before: after a broken link an SDK sends the end
    and the summary of the running turn first.
    """

    def __init__(self, socket: CableSocket, station: Station, sessions: SessionBook) -> None:
        self.session_id = secrets.token_hex(16)
        self._socket = socket
        self._station = station
        self._sessions = sessions
        self._subscription: BotIdentifier | None = None
        self._identifier = ""
        self._framing = ChannelFraming.of("")
        self._opening: DataOpening | None = None
        self._attachment: AbstractContextManager[None] | None = None
        self._has_ended = False
        self._opened_at = trio.current_time()
        self._heard_at = 0.0

    # ---- as the switchboard sees it -------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """How many commands this bot takes at once: one, unless its identifier says more."""
        return self._subscription.max_concurrency if self._subscription else 1

    @property
    def can_cancel(self) -> bool:
        """Whether the bot stops when it is told `cancel`."""
        return self._subscription is not None and self._subscription.cancel

    @property
    def can_resume(self) -> bool:
        """Whether a command that is sent again is not run again."""
        return self._subscription is not None and self._subscription.resume

    @property
    def is_alive(self) -> bool:
        """Whether the bot can still be told something, also before it has subscribed."""
        return not self._has_ended and not self._socket.is_closing

    def send(self, message: ToBot) -> None:
        """Put a message into the outbox."""
        self._socket.send([self._framing.message(encode_to_bot(message))])

    def acknowledge(self, session_id: str, sequences: Sequence[int], *, at_once: bool) -> None:
        """Put `chunk_received` for each of these into the outbox, as one write; `at_once` when
        nobody else has something to write just now."""
        said = self._framing.acknowledgements(session_id, sequences, _timestamp())
        self._socket.send(said, at_once=at_once)

    def replace(self) -> None:
        """A newer link has taken over: say so and end (RELIABILITY 25)."""
        self._socket.disconnect("replaced", reconnect=False)

    # ---- as the socket sees it ------------------------------------------------------------------

    def opened(self) -> None:
        """Welcome the bot."""
        self._socket.send([WELCOME])

    def ended(self) -> None:
        """The socket is gone."""
        self._has_ended = True
        self._detach()

    def frame(self, text: bytes | str) -> None:
        """Take one frame. Raises BadMessage for a malformed one."""
        if self._opening is not None:
            data = self._opening.read(text)
            if data is not None:  # nearly all of them
                self._take_data(data)
                return
        frame = decode_from_client(text)
        match frame:
            case ChannelData(identifier, data):
                self._check_identifier(identifier)
                if identifier == self._identifier:
                    self._opening = DataOpening.learn(text, frame)
                self._take_data(data)
            case Subscribe(identifier):
                self._subscribe(identifier)
            case Unsubscribe(identifier):
                if identifier == self._identifier:
                    self._detach()
            case UnknownFrame(name):
                log.debug("cable.unknown_frame", name=name[:40])

    # ---- subscriptions --------------------------------------------------------------------------

    def _subscribe(self, identifier: str) -> None:
        if self._subscription is not None and identifier == self._identifier:
            return  # a client repeats itself until it is confirmed; a second one would harm it
        try:
            wanted = decode_identifier(identifier)
        except BadMessage:
            self._socket.send([encode_rejection(identifier)])
            raise
        if wanted.bot_id != self._station.bot_id or self._subscription is not None:
            self._socket.send([encode_rejection(identifier)])
            return
        self._subscription = wanted
        self._opening = None
        self._identifier = identifier
        self._framing = ChannelFraming.of(identifier)
        self._socket.send([encode_confirmation(identifier)])
        self.send(Connected(self._station.bot_id, self.session_id))
        self._sessions.session_opened(
            self._station.bot_id, self.session_id, {"max_concurrency": wanted.max_concurrency}
        )
        self._attachment = self._station.attached(self)
        self._attachment.__enter__()
        log.info("bot.linked", bot_id=self._station.bot_id, session_id=self.session_id)

    def _detach(self) -> None:
        if self._subscription is None:
            return
        self._subscription = None
        if self._attachment is not None:
            attachment, self._attachment = self._attachment, None
            attachment.__exit__(None, None, None)
        self._sessions.session_closed(self.session_id)
        log.info("bot.unlinked", bot_id=self._station.bot_id, session_id=self.session_id)

    # ---- what the bot says ----------------------------------------------------------------------

    def _check_identifier(self, identifier: str) -> None:
        if identifier == self._identifier:
            return
        wanted = decode_identifier(identifier)
        if wanted.bot_id != self._station.bot_id:
            raise BadMessage({"identifier.bot_id": "is another bot's"})
        if self._subscription is None:
            self._identifier, self._framing = identifier, ChannelFraming.of(identifier)

    def _take_data(self, data: str) -> None:
        message = decode_from_bot(data)
        received_at = self._socket.received_at
        if self._heard_at != received_at:
            # Once for all frames that came together: it is one sign of life.
            self._heard_at = received_at
            self._station.heard(self)
            self._sessions.session_heard(self.session_id)
        if message.__class__ is StreamChunk:  # nearly all of them
            self._station.deliver(self, message, received_at)
            return
        match message:
            case StreamEnd() | StreamError() | StreamSummary():
                self._station.deliver(self, message, received_at)
            case Status():
                self._station.deliver(self, message, received_at)
                self.send(self._describe())
            case Ping():
                self.send(PongToBot(_timestamp()))
            case CommandAsked(command):
                self.send(CommandReceived(command, _timestamp()))
            case Log(level, _):
                log.debug("bot.log", bot_id=self._station.bot_id, level=level)
            case UnknownMessage(name):
                log.debug("bot.unknown_message", name=name[:40])

    def _describe(self) -> StatusResponse:
        return StatusResponse(
            status="online",
            online=self._station.is_online,
            active_sessions=self._station.links,
            total_sessions=self._station.links_ever,
            uptime=int(trio.current_time() - self._opened_at),
        )


def _timestamp() -> str:
    """Now, as ISO 8601 in milliseconds."""
    second, rest = divmod(time.time_ns() // 1_000_000, 1_000)
    return f"{_whole_second(second)}.{rest:03d}+00:00"


@lru_cache(maxsize=1)
def _whole_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
