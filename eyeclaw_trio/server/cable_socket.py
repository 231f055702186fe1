"""One WebSocket on `/cable`: outbox, pings, malformed frames, and how it ends.

What the frames mean is `cable_channels`; this is the line they travel on. Each socket is a
nursery of its own, so that nothing that goes wrong here is felt elsewhere.
"""

from __future__ import annotations

import itertools
import random
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from eyeclaw_trio.errors import BadMessage, RequestRefused
from eyeclaw_trio.protocol.cable import (
    SUBPROTOCOL,
    DisconnectReason,
    encode_disconnect,
    encode_ping,
)
from eyeclaw_trio.relay.signal import Signal
from eyeclaw_trio.server.frame_stream import FrameStream
from eyeclaw_trio.server.http import RECEIVE_SIZE, HttpConnection, Request

log = structlog.get_logger(__name__)

PING_EVERY: Final = 3.0  # seconds (PROTOCOL 2)
SOCKET_PING_BEATS: Final = 5  # a WebSocket ping with every fifth of them: each 15 s
PONG_BEATS: Final = 3  # no sign of life for so many after it, and the link is dead: within 10 s
# A round that begins later than this (seconds) says more of us than of the peer.
LATE: Final = 1.0
# A peer that does not read what we say is let go before it costs more than this (bytes).
OUTBOX_LIMIT: Final = 1_048_576
# RELIABILITY 16: so many malformed frames within so many seconds, and the link is closed.
MALFORMED_FRAMES: Final = 20
MALFORMED_WINDOW: Final = 10.0
# The request is there already when the library is asked to read it (seconds).
HANDSHAKE_WITHIN: Final = 5.0
# A closing handshake with a peer that does not answer takes no longer (seconds).
CLOSE_WITHIN: Final = 1.0
# What waits for a peer when it is told to go has so long to be written (seconds).
LAST_WORDS: Final = 0.5

_KEY: Final = re.compile(r"[A-Za-z0-9+/]{22}==")
NORMAL, POLICY, TOO_BIG = 1000, 1008, 1009
# Codes of errors that trio-websocket finds in the peer's frames and keeps to itself.
_UNSPOKEN_CODES: Final = (1002, 1007)


class Listener(Protocol):
    """What is done with the frames of one socket."""

    def frame(self, text: str) -> None:
        """A text frame has come. Raises BadMessage for a malformed one."""

    def opened(self) -> None:
        """The socket is open: the first words can go into the outbox."""


class CableSocket:
    """The line to one peer. `send` and `disconnect` never wait; `run` is the life of it."""

    def __init__(self, message_limit: int, unix_seconds: Callable[[], int]) -> None:
        self._message_limit = message_limit
        self._unix_seconds = unix_seconds
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._has_mail = Signal()
        self._wants_ping = False
        self._last_code: int | None = None
        self._malformed: deque[float] = deque(maxlen=MALFORMED_FRAMES)
        self._scope = trio.CancelScope()

    # ---- for those who have something to say ----------------------------------------------------

    def send(self, payloads: Sequence[bytes]) -> None:
        """Put text frames into the outbox; what is put in together goes out in one write."""
        if self._last_code is not None:
            return
        if self._outbox_bytes > OUTBOX_LIMIT:
            # What waited before counts, not what is put in now: a question may be long.
            log.warning("cable.outbox_full")
            self.abort()
            return
        self._outbox.extend(payloads)
        self._outbox_bytes += sum(map(len, payloads))
        self._has_mail.set()

    def disconnect(self, reason: DisconnectReason, *, reconnect: bool, code: int = NORMAL) -> None:
        """Say `disconnect` behind all that waits in the outbox, then close."""
        self.send([encode_disconnect(reason, reconnect=reconnect)])
        self.close(code)

    def close(self, code: int) -> None:
        """Close with this code once the outbox is empty, or a peer that does not read has had
        its time. What the peer still says is ignored."""
        if self._last_code is None:
            self._last_code = code
            self._has_mail.set()
            self._scope.deadline = trio.current_time() + LAST_WORDS + CLOSE_WITHIN

    @property
    def is_closing(self) -> bool:
        """Whether the peer has been told to go, or is about to be."""
        return self._last_code is not None

    def abort(self) -> None:
        """End the connection now, whatever waits."""
        self._scope.cancel()

    # ---- its life -------------------------------------------------------------------------------

    async def run(self, connection: HttpConnection, listener: Listener) -> None:
        """Accept the upgrade and serve the socket until either side ends it.

        Cancellation ends the connection without a closing handshake.
        """
        stream = FrameStream(connection.give_back())
        code: int | None = None
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    ws = None
                    with trio.move_on_after(HANDSHAKE_WITHIN):
                        ws = await self._accept(nursery, stream)
                    if ws is None:  # a handshake that only the library finds fault with
                        self.abort()
                        return
                    listener.opened()
                    nursery.start_soon(self._write, ws, stream)
                    nursery.start_soon(self._ping, stream)
                    await self._read(ws, listener)
                    if ws.closed is not None and ws.closed.code in _UNSPOKEN_CODES:
                        code = ws.closed.code
                    nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN):
                await stream.close_transport(code=code)

    async def _accept(self, nursery: trio.Nursery, stream: FrameStream) -> WebSocketConnection:
        request = await wrap_server_stream(
            nursery,
            stream,
            # The library counts characters and the limit is in bytes: it can only be stricter.
            max_message_size=self._message_limit,
            receive_buffer_size=RECEIVE_SIZE,
        )
        offered = SUBPROTOCOL in request.proposed_subprotocols
        return await request.accept(subprotocol=SUBPROTOCOL if offered else None)

    async def _read(self, ws: WebSocketConnection, listener: Listener) -> None:
        """Take frames until the peer ends the link or has to be shown out."""
        try:
            while True:
                frame = await ws.get_message()
                if self.is_closing:
                    continue
                if len(frame) * 4 > self._message_limit and (
                    isinstance(frame, str) and len(frame.encode()) > self._message_limit
                ):
                    self.close(TOO_BIG)
                    continue
                try:
                    if isinstance(frame, bytes):
                        raise BadMessage({"": "must be a text frame"})
                    listener.frame(frame)
                except BadMessage as bad:
                    self._note_malformed(bad)
        except ConnectionClosed:
            return

    async def _write(self, ws: WebSocketConnection, stream: FrameStream) -> None:
        """Write what is in the outbox, all of it at once; then close if that is wanted."""
        try:
            while True:
                await self._has_mail.wait()
                if self._wants_ping:
                    self._wants_ping = False
                    await stream.send_ping()
                if self._outbox:
                    payloads = list(self._outbox)
                    self._outbox.clear()
                    self._outbox_bytes = 0
                    await stream.send_texts(payloads)
                if self._last_code is not None and not self._outbox:
                    break
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader notices too, and ends the socket
        with trio.move_on_after(CLOSE_WITHIN):
            await ws.aclose(self._last_code)
        self.abort()

    async def _ping(self, stream: FrameStream) -> None:
        """Both kinds of ping, at moments of this link's own so that not all are due at once.

        The cable's own ping is for the peer's clock. The WebSocket ping finds a half-open link:
        nothing at all received until PONG_BEATS after it, and the link is dead (RELIABILITY 3).
        Where it was us who were late, nobody is blamed for another round.
        """
        due = trio.current_time() + random.random() * PING_EVERY  # noqa: S311 (spread only)
        pinged_at = due
        for beat in itertools.count():
            await trio.sleep_until(due)
            now = trio.current_time()
            self.send([encode_ping(self._unix_seconds())])
            if beat % SOCKET_PING_BEATS == 0:
                pinged_at = now
                self._wants_ping = True
                self._has_mail.set()
            is_overdue = beat % SOCKET_PING_BEATS >= PONG_BEATS and stream.received_at < pinged_at
            if is_overdue and now - due < LATE:
                log.info("cable.half_open")
                self.abort()
                return
            due = max(due + PING_EVERY, now)

    def _note_malformed(self, bad: BadMessage) -> None:
        now = trio.current_time()
        log.debug("cable.malformed", faults=bad.faults)
        self._malformed.append(now)
        if len(self._malformed) == MALFORMED_FRAMES and (
            now - self._malformed[0] <= MALFORMED_WINDOW
        ):
            self.disconnect("invalid_request", reconnect=False, code=POLICY)


def check_upgrade(request: Request) -> None:
    """Refuse what is no WebSocket handshake before the library sees it.

    Raises RequestRefused (400, 405, 426): trio-websocket would wait for ever on such a request,
    or fail where it cannot be caught.
    """
    if request.method != "GET":
        raise RequestRefused(405, "Method not allowed", headers=[("Allow", "GET")])
    if not request.is_upgrade:
        raise RequestRefused(
            426,
            "This address speaks WebSocket",
            headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")],
        )
    if request.headers.get("sec-websocket-version") != "13":
        raise RequestRefused(
            426, "Unsupported WebSocket version", headers=[("Sec-WebSocket-Version", "13")]
        )
    has_body = request.headers.get("content-length", "0") != "0"
    if request.version != "1.1" or has_body or "transfer-encoding" in request.headers:
        raise RequestRefused(400, "A WebSocket handshake is HTTP/1.1 and has no body")
    if not all(
        value.isascii() for name, value in request.headers.items() if name.startswith("sec-")
    ):
        raise RequestRefused(400, "WebSocket headers must be ASCII")
    if not _KEY.fullmatch(request.headers.get("sec-websocket-key", "")):
        raise RequestRefused(400, "Sec-WebSocket-Key must be 16 bytes in base64")
