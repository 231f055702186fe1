"""`GET /cable`: who comes, and what is done with it (PROTOCOL 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from attrs import field, frozen

from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.cable import DisconnectReason, read_bot_id
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.bot_channel import BotLink, OnPush, SessionBook
from eyeclaw_trio.server.cable_socket import say_disconnect
from eyeclaw_trio.server.front_door import Continuation, Upgrade
from eyeclaw_trio.server.gate import Gate, shutting_down
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.server.stream_channel import StreamChannel
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.newcomers import SOCKET
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.request_reader import Request
from eyeclaw_trio.wire.socket_kind import SocketKind
from eyeclaw_trio.wire.streams import ReplayedStream
from eyeclaw_trio.wire.upgrade import check_upgrade
from eyeclaw_trio.wire.websocket import ServerSocket

# Links that live at once with one token. A bot has one, and where its network breaks once a second
# those that are not known to be broken yet, for half a minute at the most.
LINKS: Final = 32


@frozen(eq=False)
class LiveLink:
    """One link that lives: whose it is, and the token (as its digest) that let it in."""

    socket: ServerSocket
    bot_id: int
    token_digest: bytes | None = field(repr=False)


@frozen
class CableDoor:
    """Takes `GET /cable`: checks who comes and serves the link until it ends. `links` are those of
    bots that live now."""

    gate: Gate
    origins: Origins
    switchboard: Switchboard
    sessions: SessionBook
    links: LiveSet[LiveLink]
    is_draining: Callable[[], bool]
    kind: SocketKind
    stream_channel: StreamChannel
    on_push: OnPush | None = None
    peers: PeerLog = field(factory=PeerLog)
    _links_of: Counter[int] = field(factory=Counter, init=False)

    async def serve(self, request: Request, _: HttpConnection) -> Continuation:
        """Handle one upgrade. Raises RequestRefused before it: 404 for a foreign browser's
        origin, 400 and 426 for what is no handshake, 429 for guessing, 503 while draining. It never
        waits, so it is never cancelled: its continuation is."""
        self.origins.check(request)
        check_upgrade(request)
        worker = self.stream_channel.recognise(request)
        if worker is not None:
            if self.is_draining() and not self.stream_channel.turns:
                raise shutting_down()
            key_id = worker.key and worker.key.id
            socket = ServerSocket(self.kind, key_id, is_trusted=key_id is not None)
            if worker.key is None:
                request.newcomer.hold(SOCKET)
                request.newcomer.ends_with(socket.abort)
            elif not request.newcomer.vouch(worker.key.id) or not request.newcomer.hold(SOCKET):
                return self._refuse_one_more(request, f"key {worker.key.id}")
            return Upgrade(partial(self.stream_channel.serve, worker, socket))
        bot = self._find_bot(request)
        if self.is_draining() and not (bot and self.switchboard.station(bot.id).open_turns):
            # A bot whose answer still runs may come back and finish it; nobody else comes now.
            raise shutting_down()
        owner = f"bot {bot.id}" if bot is not None else ""
        socket = ServerSocket(self.kind, owner or None, is_trusted=bot is not None)
        if bot is None:
            if request.bearer or request.query.get("sdk_token") or request.query.get("access_key"):
                self.gate.note_failure(request)
            return self._show_out(request, socket, _Unwanted(socket))
        if self._links_of[bot.id] >= LINKS:
            return self._refuse_one_more(request, owner)
        lines = self.peers.about(owner)
        station = self.switchboard.station(bot.id)
        link = BotLink(socket, station, self.sessions, lines, self.on_push)
        live = LiveLink(socket, bot.id, bot.token_digest)
        request.newcomer.vouch()
        return Upgrade(partial(self._serve_bot, link, live))

    async def _serve_bot(self, link: BotLink, live: LiveLink, stream: ReplayedStream) -> None:
        self._links_of[live.bot_id] += 1
        try:
            with self.links.one_more(live):
                running = live.socket.run(link, stream)
                del link, stream  # a link may live for weeks, and the socket needs them no more
                await running
        finally:
            self._links_of[live.bot_id] -= 1

    def _refuse_one_more(self, request: Request, whose: str) -> Upgrade:
        """Whoever has too many already is told so, and may come back."""
        self.peers.warning(whose, "cable.too_many_links")
        socket = ServerSocket(self.kind, is_trusted=False)
        return self._show_out(request, socket, _Unwanted(socket, "invalid_request", reconnect=True))

    def _show_out(self, request: Request, socket: ServerSocket, unwanted: _Unwanted) -> Upgrade:
        request.newcomer.ends_with(socket.abort)
        return Upgrade(partial(socket.run, unwanted))

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
class _Unwanted:
    """Whoever comes without good credentials, or once too often: let in to be told, then out."""

    socket: ServerSocket
    reason: DisconnectReason = "unauthorized"
    reconnect: bool = False

    def on_open(self) -> None:
        say_disconnect(self.socket, self.reason, reconnect=self.reconnect)

    def on_frame(self, text: bytes | str) -> None:
        pass

    def on_malformed(self, bad: BadMessage) -> None:
        pass

    def on_end(self) -> None:
        pass
