"""One link of a bot: its subscription, and what it says of its turns (PROTOCOL 2, BotChannel)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
import trio

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.bot import (
    CommandAsked,
    Log,
    Ping,
    PushAsked,
    Status,
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamFollowUp,
    StreamStatus,
    StreamSummary,
    StreamToolCall,
    UnknownMessage,
    decode_from_bot,
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
)
from eyeclaw_trio.protocol.timestamps import format_timestamp
from eyeclaw_trio.protocol.to_bot import (
    CommandReceived,
    Connected,
    PongToBot,
    StatusResponse,
    ToBot,
    encode_to_bot,
)
from eyeclaw_trio.relay.seam import LinkSide
from eyeclaw_trio.server.cable_socket import say_disconnect
from eyeclaw_trio.wire.peer_log import LinesAbout
from eyeclaw_trio.wire.websocket import ServerSocket

log = structlog.get_logger(__name__)


class SessionBook(Protocol):
    """Where the sessions of bots are written down; nothing here waits."""

    def session_opened(self, bot_id: int, session_id: str, metadata: dict[str, object]) -> None:
        """A bot has linked."""

    def session_heard(self, session_id: str, at: float) -> None:
        """A heartbeat of the bot on this session, at that moment (monotonic seconds)."""

    def session_closed(self, session_id: str) -> None:
        """The link has ended."""


# What a bot wants said to a wearer of its own, and the bot's id. It must not wait.
OnPush = Callable[[PushAsked, int], None]


class BotLink:
    """One authenticated link of a bot; a `relay.link.Link` once it has subscribed.

    What the bot says of its turns counts even before: after a broken link an SDK sends the end
    and the summary of the running turn first.
    """

    __slots__ = (  # there may be ten thousand
        "_framing",
        "_heard_at",
        "_identifier",
        "_lines",
        "_on_push",
        "_opened_at",
        "_opening",
        "_sessions",
        "_socket",
        "_station",
        "_subscription",
        "_subscriptions",
        "session_id",
    )

    def __init__(
        self,
        socket: ServerSocket,
        station: LinkSide,
        sessions: SessionBook,
        lines: LinesAbout,
        on_push: OnPush | None = None,
    ) -> None:
        self.session_id = secrets.token_hex(16)
        self._socket = socket
        self._station = station
        self._sessions = sessions
        self._lines = lines
        self._on_push = on_push
        self._subscription: BotIdentifier | None = None
        self._identifier = ""
        self._framing = ChannelFraming.of("")
        self._opening: DataOpening | None = None
        self._subscriptions = 0
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
        return not self._socket.is_closing

    def send(self, message: ToBot) -> None:
        """Put a message into the outbox: written now when nobody else has anything to read, who
        might have something to say here too. So a question goes out a pass of the loop sooner."""
        said = [self._framing.message(encode_to_bot(message))]
        if self._station.is_quiet:
            self._socket.send_nowait(said)
        else:
            self._socket.enqueue(said)

    def acknowledge(self, session_id: str, sequences: Sequence[int]) -> None:
        """Put `chunk_received` for each of these into the outbox, as one write; now or
        later, as `send`."""
        said = self._framing.acknowledgements(session_id, sequences, _now())
        if self._station.is_quiet:
            self._socket.send_nowait(said)
        else:
            self._socket.enqueue(said)

    def replace(self) -> None:
        """A newer link has taken over: say so and end (RELIABILITY 25)."""
        self._lines.info("bot.replaced", bot_id=self._station.bot_id, session_id=self.session_id)
        say_disconnect(self._socket, "replaced", reconnect=False)

    # ---- as the socket sees it ------------------------------------------------------------------

    def on_open(self) -> None:
        """Welcome the bot."""
        self._socket.enqueue([WELCOME])

    def on_end(self) -> None:
        """The socket is gone."""
        self._detach()

    def on_malformed(self, bad: BadMessage) -> None:
        """Only the log is told: the SDK would not know what to do."""
        self._lines.info("bot.malformed", faults=bad.faults)

    def on_frame(self, text: bytes | str) -> None:
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
        except BadMessage as bad:
            self._reject(identifier, str(bad))
            raise
        if wanted.bot_id != self._station.bot_id:
            self._reject(identifier, "it names another bot than the token")
            return
        if self._subscription is not None:
            self._reject(identifier, "this link has a subscription already")
            return
        self._begin_subscription(identifier, wanted)
        self._subscriptions += 1
        if self._subscriptions > 1:
            # Once is enough for a link: who does it again and again is shown out.
            raise BadMessage({"command": "subscribes again"})

    def _reject(self, identifier: str, reason: str) -> None:
        self._socket.enqueue([encode_rejection(identifier)])
        self._lines.info("bot.subscription_rejected", reason=reason)

    def _begin_subscription(self, identifier: str, wanted: BotIdentifier) -> None:
        self._subscription = wanted
        self._opening = None
        self._identifier = identifier
        self._framing = ChannelFraming.of(identifier)
        self._socket.enqueue([encode_confirmation(identifier)])
        self.send(Connected(self._station.bot_id, self.session_id))
        self._sessions.session_opened(
            self._station.bot_id, self.session_id, {"max_concurrency": wanted.max_concurrency}
        )
        self._station.attach(self)
        self._lines.info("bot.linked", bot_id=self._station.bot_id, session_id=self.session_id)

    def _detach(self) -> None:
        if self._subscription is None:
            return
        self._subscription = None
        self._station.detach(self)
        self._sessions.session_closed(self.session_id)
        self._lines.info("bot.unlinked", bot_id=self._station.bot_id, session_id=self.session_id)

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
            self._station.heard(self, received_at)
            self._sessions.session_heard(self.session_id, received_at)
        if message.__class__ is StreamChunk:  # nearly all of them
            self._station.deliver(self, message, received_at)
            return
        match message:
            case (
                StreamEnd()
                | StreamError()
                | StreamSummary()
                | StreamToolCall()
                | StreamFollowUp()
                | StreamStatus()
            ):
                self._station.deliver(self, message, received_at)
            case Status():
                self._station.deliver(self, message, received_at)
                self.send(self._describe())
            case PushAsked() if self._on_push is not None:
                self._on_push(message, self._station.bot_id)
            case Ping():
                self.send(PongToBot(_now()))
            case CommandAsked(command):
                self.send(CommandReceived(command, _now()))
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


def _now() -> str:
    return format_timestamp(time.time_ns())
