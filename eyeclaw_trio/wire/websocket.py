"""One WebSocket of a peer: its outbox, pings, malformed frames, and how it ends.

What the frames mean is its door's; this is the socket that they travel on, for all doors alike.
Each is a nursery of its own, so that nothing that goes wrong here is felt elsewhere.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Final

import structlog
import trio
from attrs import frozen
from trio_websocket import ConnectionClosed, WebSocketConnection
from wsproto.utilities import LocalProtocolError

from eyeclaw_trio.core.throttle import MalformedCount
from eyeclaw_trio.errors import BadMessage, HungUp, SlowReader
from eyeclaw_trio.protocol.frames import PING, POLICY, TOO_BIG, FrameSieve, frame_text, is_utf8
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.outbox import Outbox
from eyeclaw_trio.wire.socket_kind import SocketCallbacks, SocketKind
from eyeclaw_trio.wire.streams import ReplayedStream
from eyeclaw_trio.wire.upgrade import accept_upgrade

log = structlog.get_logger(__name__)

SOCKET_PING_BEATS: Final = 5  # a WebSocket ping with every fifth beat: each 15 s
PONG_BEATS: Final = 3  # no sign of life for so many after it, and the peer is gone: within 10 s
# A closing handshake with a peer that does not answer takes no longer (seconds).
CLOSE_WITHIN: Final = 1.0
# What waits for a peer when it is told to go has so long to be written (seconds).
LAST_WORDS: Final = 0.5

# Bytes of a message of somebody who has not shown a key: it only has to hold one.
STRANGERS_MESSAGE: Final = 4_096

NORMAL, GOING_AWAY, BUG = 1000, 1001, 1011
# Codes of errors that trio-websocket finds in the peer's frames and keeps to itself.
_UNSPOKEN_CODES: Final = (1002, 1007)


class State(IntEnum):
    """The life of a socket, which goes forward only."""

    OPENING = 0
    """The handshake is not over: what is said waits."""
    OPEN = 1
    CLOSING = 2
    """The peer is told to go behind all that waits; nothing is put in or listened to any more."""
    PARTING = 3
    """Our close frame is on its way, the peer's is waited for."""
    ENDED = 4


# Looked at for each frame: on 3.11 an enum's member costs as much as a call when it is looked up.
_OPEN: Final = State.OPEN


@frozen
class _Open:
    """What there is between the opening handshake and the end."""

    nursery: trio.Nursery
    stream: FrameStream
    ws: WebSocketConnection


class ServerSocket:
    """The socket to one peer. `enqueue` and `close` never wait; `run` is the life of it."""

    __slots__ = (  # there may be ten thousand
        "_beats",
        "_callbacks",
        "_kind",
        "_last_words",
        "_malformed",
        "_message_limit",
        "_open",
        "_outbox",
        "_pinged_at",
        "_scope",
        "_state",
        "_stream",
        "is_slow",
    )

    def __init__(
        self, kind: SocketKind, owner: Hashable = None, *, is_trusted: bool = True
    ) -> None:
        self.is_slow = False
        """Whether it has ended because the peer did not read."""
        self._kind = kind
        self._message_limit = kind.message_limit if is_trusted else STRANGERS_MESSAGE
        self._state = State.OPENING
        self._outbox = Outbox(kind.outbox_limit, kind.services.waiting.portion(owner))
        self._beats = 0
        self._pinged_at = 0.0
        self._last_words = (NORMAL, "")
        self._malformed: MalformedCount | None = None
        self._callbacks: SocketCallbacks | None = None
        self._stream: FrameStream | None = None
        self._open: _Open | None = None
        self._scope = trio.CancelScope()

    # ---- for those who have something to say ----------------------------------------------------

    def enqueue(self, texts: Sequence[bytes]) -> None:
        """Put text frames into the outbox; what is put in together goes out in one write.

        A peer that reads nothing is let go when too much waits for it. Once the socket is told to
        close, nothing is put in any more.
        """
        if self._state <= _OPEN:
            self._put([frame_text(text) for text in texts])

    def send_nowait(self, texts: Sequence[bytes]) -> None:
        """As `enqueue`, and write now: for who knows that nobody else has something to say here,
        so that the flusher need not be woken."""
        if self._state <= _OPEN:
            if not self._outbox.put([frame_text(text) for text in texts]):
                self._note_slow()
            self.write_nowait()

    def write_nowait(self) -> None:
        """Write the outbox as far as the system takes it now; the rest has a task to wait for."""
        opened = self._open
        if opened is None:
            return
        try:
            is_written = self._outbox.write_nowait(opened.stream, parting=self._state > _OPEN)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader notices too, and ends the socket
        if not is_written:
            opened.nursery.start_soon(self._write_rest, opened)

    async def drain(self) -> None:
        """Return when all that was put in is written; for one waiter at a time.

        Raises SlowReader and HungUp when the socket ends before, and where it is closing already.
        Cancellation takes nothing back.
        """
        if not self.is_closing:
            with suppress(HungUp):
                await self._outbox.drain()
                return
        raise SlowReader if self.is_slow else HungUp

    def close(self, code: int, reason: str = "") -> None:
        """Close with this code and reason once the outbox is empty, or a peer that does not read
        has had its time. What the peer still says is ignored."""
        if not self.is_closing:
            self._state = State.CLOSING
            self._last_words = code, reason
            self._scope.deadline = trio.current_time() + LAST_WORDS + CLOSE_WITHIN
            if self._stream is not None:
                self._stream.stop()
            self._note_due()

    def abort(self) -> None:
        """End the connection now, whatever waits."""
        self._scope.cancel()

    def trust(self) -> None:
        """The peer has shown a key: its messages may be as long as the door allows."""
        self._message_limit = self._kind.message_limit
        if self._stream is not None:
            self._stream.allow(self._message_limit)

    @property
    def received_at(self) -> float:
        """When something was last received (monotonic seconds); once for all of one receive."""
        return self._stream.received_at if self._stream is not None else 0.0

    @property
    def is_closing(self) -> bool:
        """Whether the peer has been told to go, or is about to be, or is gone."""
        return self._state > _OPEN

    # ---- its life -------------------------------------------------------------------------------

    async def run(self, callbacks: SocketCallbacks, replayed: ReplayedStream) -> None:
        """Accept the upgrade and serve the socket until either side ends it.

        Cancellation ends the connection without a closing handshake; a bug in a callback ends
        it with 1011, and is raised.
        """
        self._callbacks = callbacks
        stream = self._stream = FrameStream(
            replayed, handshake_size=replayed.head_size, write_timeout=self._kind.write_timeout
        )
        del replayed
        code: int | None = None
        try:
            try:
                with self._scope:
                    async with trio.open_nursery() as nursery:
                        await self._live(nursery, stream)
                        nursery.cancel_scope.cancel()
            except* LocalProtocolError:
                # trio-websocket falls over a ping behind a message that was too large: it has
                # said 1009 and tries to answer all the same.
                log.debug("socket.fell_over")
            except* SlowReader:
                self._note_slow()
        except Exception:
            code = BUG
            raise
        finally:
            self._state = State.ENDED
            self._outbox.end()
            self._kind.services.unfinished.note(self, 0)
            callbacks.on_end()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN):
                await stream.close_transport(code=code)
            self._callbacks = self._stream = None  # they have this socket: nothing keeps itself

    async def _live(self, nursery: trio.Nursery, stream: FrameStream) -> None:
        """Be open until the peer ends it; what the library keeps to itself of why is said."""
        kind = self._kind
        ws = await accept_upgrade(
            nursery, stream, message_limit=kind.message_limit, subprotocol=kind.subprotocol
        )
        if ws is None or self._callbacks is None:
            return
        if self._state is State.OPENING:
            self._state = State.OPEN
            self._callbacks.on_open()
        take = self._take_unread if kind.has_shortcut else None
        sieve = FrameSieve(take, limit=self._message_limit)
        if self.is_closing:
            sieve.stop()
        stream.sift(sieve, kind.services, self._on_sifted)
        self._open = _Open(nursery, stream, ws)
        self._outbox.open()
        self._note_due()
        try:
            with kind.services.pings.turning(self):
                while True:  # take the frames that come through the library
                    self._take(await ws.get_message())
                    stream.note_message()
        except ConnectionClosed:
            pass
        finally:
            self._open = None  # from here on the nursery takes no more tasks
        if self._state is State.PARTING:
            # Ended now, a word of the peer on the way would reset the connection, and our last
            # ones could be lost. Whoever parts ends the scope in time.
            await trio.sleep_forever()
        if ws.closed is not None and ws.closed.code in _UNSPOKEN_CODES:
            # Here, where a write that is under way can still come to its end before it.
            await stream.close_transport(code=ws.closed.code)

    def _take_unread(self, payload: bytes) -> bool:
        """Take a text that the library has not seen; false when it is not UTF-8."""
        if self._callbacks is None or self._state is not _OPEN:
            return False
        if len(payload) > self._message_limit:
            self._close_as_too_big()
            return True
        try:
            self._callbacks.on_frame(payload)
        except BadMessage as bad:
            # Only what cannot be read may be no text at all: the good ones are not looked at twice.
            if not is_utf8(payload):
                return False
            self._note_malformed(bad)
        return True

    def _take(self, frame: bytes | str) -> None:
        if self._callbacks is None or self.is_closing:
            return
        limit = self._message_limit
        # A character has at most four bytes: a short text need not be encoded to be measured.
        if len(frame) * 4 > limit and (isinstance(frame, str) and len(frame.encode()) > limit):
            self._close_as_too_big()
            return
        try:
            if isinstance(frame, bytes):
                raise BadMessage({"": "must be a text frame"})
            self._callbacks.on_frame(frame)
        except BadMessage as bad:
            self._note_malformed(bad)

    def _on_sifted(self, sieve: FrameSieve) -> None:
        if sieve.fault == TOO_BIG:
            self._close_as_too_big()
        elif sieve.fault is not None:
            self.close(sieve.fault, "too many empty fragments")
        self._kind.services.unfinished.note(self, sieve.pending)

    def _close_as_too_big(self) -> None:
        self.close(TOO_BIG, f"a message has at most {self._message_limit} bytes")

    # ---- what is written ------------------------------------------------------------------------

    def _put(self, frames: Sequence[bytes]) -> None:
        if not self._outbox.put(frames):
            self._note_slow()
        self._note_due()

    def _note_due(self) -> None:
        if self._outbox.note_due():
            self._kind.services.flusher.enqueue(self)

    async def _write_rest(self, opened: _Open) -> None:
        """Write what has been begun and what comes behind it; then close if that is wanted."""
        try:
            await self._outbox.write_rest(opened.stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader notices too, and ends the socket
        if self.is_closing:
            self._state = State.PARTING
            with trio.move_on_after(CLOSE_WITHIN):
                await opened.ws.aclose(*self._last_words)
            self.abort()

    def _note_slow(self) -> None:
        """The peer does not read: part of a frame may be under way, and nothing can follow it."""
        peer = self._stream.peer if self._stream else ""
        self._kind.services.peers.info(peer, "socket.slow_reader")
        self.is_slow = True
        self.abort()

    def beat(self, now: float, *, is_late: bool) -> None:
        """Say both kinds of ping, as the wheel wants it.

        The door's own beat is for the peer's clock. The WebSocket ping finds a half-open
        connection: nothing at all received until PONG_BEATS after it was put in, and the peer is
        gone (RELIABILITY 3); unless it waits behind a long text which the peer is seen to take,
        slowly.
        """
        if self._stream is None or self.is_closing:  # nothing may follow our close frame
            return
        beat = self._beats % SOCKET_PING_BEATS
        self._beats += 1
        say_beat = self._kind.say_beat
        frames = [frame_text(say_beat())] if say_beat is not None else []
        if beat == 0:
            self._pinged_at = now
            frames.append(PING)
        if frames:
            self._put(frames)
        if beat >= PONG_BEATS and self._stream.lived_at < self._pinged_at and not is_late:
            self._kind.services.peers.info(self._stream.peer, "socket.half_open")
            self.abort()

    def _note_malformed(self, bad: BadMessage) -> None:
        log.debug("socket.malformed", faults=bad.faults)
        if self._malformed is None:  # few sockets ever need one
            self._malformed = MalformedCount()
        if self._callbacks is not None:
            self._callbacks.on_malformed(bad)
        if self._malformed.note(trio.current_time()):
            if self._kind.too_many_words:
                self.enqueue([self._kind.too_many_words])
            self.close(POLICY, "too many malformed messages")
