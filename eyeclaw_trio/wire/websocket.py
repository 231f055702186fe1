"""One WebSocket on `/cable`: outbox, pings, malformed frames, and how it ends.

What the frames mean is `cable_channels`; this is the line they travel on. Each socket is a
nursery of its own, so that nothing that goes wrong here is felt elsewhere.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Protocol

import structlog
import trio
from attrs import field, frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream
from wsproto.utilities import LocalProtocolError

from eyeclaw_trio.errors import BadMessage, RequestRefused
from eyeclaw_trio.protocol.cable import (
    SUBPROTOCOL,
    DisconnectReason,
    encode_disconnect,
    encode_ping,
)
from eyeclaw_trio.protocol.frames import PING, frame_text
from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.flusher import Flusher
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.ping_wheel import PingWheel
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.request_reader import RECEIVE_SIZE, Request
from eyeclaw_trio.wire.streams import ReplayedStream

log = structlog.get_logger(__name__)

SOCKET_PING_BEATS: Final = 5  # a WebSocket ping with every fifth cable ping: each 15 s
PONG_BEATS: Final = 3  # no sign of life for so many after it, and the link is dead: within 10 s
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

    def frame(self, text: bytes | str) -> None:
        """A text frame has come; as bytes it may not even be UTF-8. Raises BadMessage for a
        malformed one."""

    def opened(self) -> None:
        """The socket is open: the first words can go into the outbox."""


@frozen(eq=False)
class CableLine:
    """What all sockets of a gateway have in common.

    `message_limit` is in bytes. `unix_seconds` never goes back. `has_shortcut` lets simple frames
    past trio-websocket; without it all go through the library, at several times the cost.
    """

    message_limit: int
    unix_seconds: Callable[[], int]
    has_shortcut: bool = True
    pings: PingWheel = field(factory=PingWheel)
    flusher: Flusher = field(factory=Flusher)
    poller: Poller | None = field(factory=Poller.where_possible)

    async def run(self) -> None:
        """Read, ping and write for all of them, until cancelled: without it no socket is heard or
        says a word."""
        async with trio.open_nursery() as nursery:
            if self.poller is not None:
                nursery.start_soon(self.poller.run)
            nursery.start_soon(self.pings.run)
            nursery.start_soon(self.flusher.run)


@frozen
class _Open:
    """What there is between the opening handshake and the end."""

    nursery: trio.Nursery
    stream: FrameStream
    ws: WebSocketConnection


class CableSocket:
    """The line to one peer. `send` and `disconnect` never wait; `run` is the life of it."""

    def __init__(self, line: CableLine) -> None:
        self._line = line
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._is_due = False  # the flusher has been told
        self._is_writing = False  # a task waits until the peer takes more
        self._has_written: Wakeup | None = None
        self._is_parting = False  # our close frame is on its way, the peer's is waited for
        self._beats = 0
        self._pinged_at = 0.0
        self._wants_ping = False
        self._last_code: int | None = None
        self._malformed: deque[float] | None = None
        self._stream: FrameStream | None = None
        self._open: _Open | None = None
        self._scope = trio.CancelScope()

    # ---- for those who have something to say ----------------------------------------------------

    def send(self, payloads: Sequence[bytes], *, at_once: bool = False) -> None:
        """Put text frames into the outbox; what is put in together goes out in one write, by the
        flusher or, as far as that is possible, `at_once`."""
        if self._last_code is not None:
            return
        if self._outbox_bytes > OUTBOX_LIMIT and not self._is_due:
            # What waits for the peer counts, not what is put in now or has not been tried yet:
            # questions may be long, and several be asked at once.
            log.warning("cable.outbox_full")
            self.abort()
            return
        self._outbox.extend(payloads)
        self._outbox_bytes += sum(map(len, payloads))
        if at_once:
            self._line.flusher.flush(self)
        else:
            self._want_flush()

    async def wait_until_written(self) -> None:
        """Return when the outbox is empty and written, for those who have much to say; for one
        waiter at a time. Waits for ever on a socket that has ended."""
        if self._has_written is None:  # few links ever need one
            self._has_written = Wakeup()
        while self._outbox or self._is_writing:
            await self._has_written.wait()

    def disconnect(self, reason: DisconnectReason, *, reconnect: bool, code: int = NORMAL) -> None:
        """Say `disconnect` behind all that waits in the outbox, then close."""
        self.send([encode_disconnect(reason, reconnect=reconnect)])
        self.close(code)

    def close(self, code: int) -> None:
        """Close with this code once the outbox is empty, or a peer that does not read has had
        its time. What the peer still says is ignored."""
        if self._last_code is None:
            self._last_code = code
            self._want_flush()
            self._scope.deadline = trio.current_time() + LAST_WORDS + CLOSE_WITHIN

    @property
    def received_at(self) -> float:
        """When something was last received (monotonic seconds); the same for all that came in
        one receive."""
        return self._stream.received_at if self._stream is not None else 0.0

    @property
    def is_closing(self) -> bool:
        """Whether the peer has been told to go, or is about to be."""
        return self._last_code is not None

    def abort(self) -> None:
        """End the connection now, whatever waits."""
        self._scope.cancel()

    # ---- its life -------------------------------------------------------------------------------

    async def run(self, listener: Listener, replayed: ReplayedStream) -> None:
        """Accept the upgrade and serve the socket until either side ends it.

        Cancellation ends the connection without a closing handshake.
        """
        stream = self._stream = FrameStream(replayed)
        handshake_size = replayed.head_size
        del replayed
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
                    if self._line.has_shortcut:
                        take = partial(self._take_unread, listener)
                        poller = self._line.poller
                        stream.sift(take, handshake_size=handshake_size, poller=poller)
                    _forget_handshake(ws)
                    self._open = _Open(nursery, stream, ws)
                    self._want_flush()
                    try:
                        with self._line.pings.turning(self):
                            await self._read(ws, stream, listener)
                    finally:
                        self._open = None  # from here on the nursery takes no more tasks
                    if self._is_parting:
                        # Ended now, a word of the peer on the way would reset the connection, and
                        # our last ones could be lost. Whoever parts ends the scope in time.
                        await trio.sleep_forever()
                    if ws.closed is not None and ws.closed.code in _UNSPOKEN_CODES:
                        code = ws.closed.code
                    nursery.cancel_scope.cancel()
        except* LocalProtocolError:
            # trio-websocket falls over a ping behind a message that was too large: it has said
            # 1009 and tries to answer all the same.
            log.debug("cable.fell_over")
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN):
                await stream.close_transport(code=code)

    async def _accept(self, nursery: trio.Nursery, stream: FrameStream) -> WebSocketConnection:
        request = await wrap_server_stream(
            nursery,
            stream,
            # The library counts characters and the limit is in bytes: it can only be stricter.
            max_message_size=self._line.message_limit,
            receive_buffer_size=RECEIVE_SIZE,
        )
        offered = SUBPROTOCOL in request.proposed_subprotocols
        return await request.accept(subprotocol=SUBPROTOCOL if offered else None)

    async def _read(self, ws: WebSocketConnection, stream: FrameStream, listener: Listener) -> None:
        """Take the frames that come through the library, until the link ends."""
        try:
            while True:
                frame = await ws.get_message()
                if not self.is_closing:
                    self._take(listener, frame)
                stream.note_message()
        except ConnectionClosed:
            return

    def _take_unread(self, listener: Listener, payload: bytes) -> bool:
        """Take a text that the library has not seen; false when it is not UTF-8."""
        if self.is_closing:
            return True
        if len(payload) > self._line.message_limit:
            self.close(TOO_BIG)
            return True
        try:
            listener.frame(payload)
        except BadMessage as bad:
            # Only what cannot be read may be no text at all: the good ones are not looked at twice.
            if not _is_utf8(payload):
                return False
            self._note_malformed(bad)
        return True

    def _take(self, listener: Listener, frame: bytes | str) -> None:
        limit = self._line.message_limit
        # A character has at most four bytes: a short text need not be encoded to be measured.
        if len(frame) * 4 > limit and (isinstance(frame, str) and len(frame.encode()) > limit):
            self.close(TOO_BIG)
            return
        try:
            if isinstance(frame, bytes):
                raise BadMessage({"": "must be a text frame"})
            listener.frame(frame)
        except BadMessage as bad:
            self._note_malformed(bad)

    def flush(self) -> None:
        """Write the outbox as far as the system takes it now; the rest has a task to wait for."""
        self._is_due = False
        if self._open is None or self._is_writing:
            return
        data = self._take_outbox()
        try:
            is_written = not data or self._open.stream.write_nowait(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader notices too, and ends the socket
        if not is_written or self._last_code is not None:
            self._is_writing = True
            self._open.nursery.start_soon(self._write_rest, self._open)
        elif self._has_written is not None:
            self._has_written.set()

    async def _write_rest(self, line: _Open) -> None:
        """Write what has been begun and what comes behind it; then close if that is wanted."""
        try:
            await line.stream.send_all(b"")
            while data := self._take_outbox():
                await line.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader notices too, and ends the socket
        self._is_writing = False
        if self._has_written is not None:
            self._has_written.set()
        if self._last_code is not None:
            self._is_parting = True
            with trio.move_on_after(CLOSE_WITHIN):
                await line.ws.aclose(self._last_code)
            self.abort()

    def _want_flush(self) -> None:
        if not self._is_due and not self._is_writing and self._open is not None:
            self._is_due = True
            self._line.flusher.note(self)

    def _take_outbox(self) -> bytes:
        """All that waits, as the frames that it is written in."""
        frames = [frame_text(payload) for payload in self._outbox]
        if self._wants_ping:
            self._wants_ping = False
            frames.append(PING)
        self._outbox.clear()
        self._outbox_bytes = 0
        return b"".join(frames)

    def beat(self, now: float, *, is_late: bool) -> None:
        """Say both kinds of ping, as the wheel wants it.

        The cable's own ping is for the peer's clock. The WebSocket ping finds a half-open link:
        nothing at all received until PONG_BEATS after it, and the link is dead (RELIABILITY 3);
        unless it waits behind a long text which the peer is seen to take, slowly.
        """
        if self._stream is None or self.is_closing:  # nothing may follow our close frame
            return
        beat = self._beats % SOCKET_PING_BEATS
        self._beats += 1
        self.send([encode_ping(self._line.unix_seconds())])
        if beat == 0:
            self._pinged_at = now
            self._wants_ping = True
            self._want_flush()
        if beat >= PONG_BEATS and self._stream.lived_at < self._pinged_at and not is_late:
            log.info("cable.half_open")
            self.abort()

    def _note_malformed(self, bad: BadMessage) -> None:
        now = trio.current_time()
        log.debug("cable.malformed", faults=bad.faults)
        if self._malformed is None:  # few links ever need one
            self._malformed = deque(maxlen=MALFORMED_FRAMES)
        self._malformed.append(now)
        if len(self._malformed) == MALFORMED_FRAMES and (
            now - self._malformed[0] <= MALFORMED_WINDOW
        ):
            self.disconnect("invalid_request", reconnect=False, code=POLICY)


class _NoHandshake:
    """What is left of an opening handshake that is over."""

    def events(self) -> Iterator[object]:
        return iter(())


_NO_HANDSHAKE: Final = _NoHandshake()


def _forget_handshake(ws: WebSocketConnection) -> None:
    """Let go of what wsproto needed for the opening handshake only, and keeps for ever: an HTTP
    parser and the headers, a tenth of an idle link. Where it is not found, nothing is lost."""
    protocol: Any = getattr(ws, "_wsproto", None)
    if getattr(protocol, "connection", None) is not None:
        protocol.handshake = _NO_HANDSHAKE


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


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
