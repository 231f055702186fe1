"""The WebSocket line to one chat client: reading, writing, pings, and how it ends.

One task writes, whole frames only, so that an answer can be cancelled at any time without
breaking the line. Who has an answer to write waits until it is written: nothing piles up here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import structlog
import trio
from attrs import define, field, frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from eyeclaw_trio.errors import BadMessage, HungUp, SlowReader
from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.request_reader import RECEIVE_SIZE
from eyeclaw_trio.wire.response_writer import SLICE
from eyeclaw_trio.wire.streams import ReplayedStream
from eyeclaw_trio.wire.websocket import (
    CLOSE_WITHIN,
    HANDSHAKE_WITHIN,
    LAST_WORDS,
    MALFORMED_FRAMES,
    MALFORMED_WINDOW,
    NORMAL,
    POLICY,
    TOO_BIG,
)

log = structlog.get_logger(__name__)

PING_EVERY: Final = 15.0  # seconds (PROTOCOL 2 and 4)
PONG_WITHIN: Final = 10.0  # seconds; nothing heard by then, and the client is gone
# A look that comes later than this (seconds) says more of us than of the client.
LATE: Final = 1.0
# Signals that wait for a client; one that asks for more of them and reads none is let go (bytes).
SIGNALS_LIMIT: Final = 65_536
GOING_AWAY, BUG = 1001, 1011
# Codes of errors that trio-websocket finds in the peer's frames and keeps to itself.
_UNSPOKEN_CODES: Final = (1002, 1007)


class Listener(Protocol):
    """What is done with the frames of one client. Nothing here waits."""

    def frame(self, text: str) -> None:
        """A text frame has come. Raises BadMessage for a malformed one."""

    def refuse(self, bad: BadMessage) -> None:
        """A malformed frame has come: say what is wrong with it."""

    def ended(self) -> None:
        """The line is over; nothing can be written any more."""


@frozen
class LinePatience:
    """What a line bears: messages of at most so many bytes, and writes of so many seconds."""

    message_limit: int
    write_timeout: float


@define(eq=False)
class _Parcel:
    """Frames that are written together, each below a slice; the event is set when they are."""

    payloads: Sequence[bytes]
    is_unwanted: bool = False
    written: trio.Event = field(factory=trio.Event)

    def slices(self) -> Iterator[list[bytes]]:
        """The frames in order, in groups of at most a slice."""
        group: list[bytes] = []
        size = 0
        for payload in self.payloads:
            if self.is_unwanted:
                return
            if group and size + len(payload) > SLICE:
                yield group
                group, size = [], 0
            group.append(payload)
            size += len(payload)
        if group and not self.is_unwanted:
            yield group


class ChatLine:
    """The line to one client; `run` is the life of it."""

    def __init__(self, patience: LinePatience) -> None:
        self.is_slow = False
        """Whether it has ended because the client did not read."""
        self._patience = patience
        self._outbox: deque[_Parcel] = deque()
        self._has_mail = Wakeup()
        self._signals_waiting = 0
        self._last_words: tuple[int, str] | None = None
        self._malformed: deque[float] = deque(maxlen=MALFORMED_FRAMES)
        self._scope = trio.CancelScope()

    # ---- for those who have something to say ----------------------------------------------------

    def post(self, payload: bytes) -> None:
        """Say this signal, without waiting."""
        if self.is_closing or self.is_slow:
            return
        self._signals_waiting += len(payload)
        if self._signals_waiting > SIGNALS_LIMIT:
            self._give_up()
            return
        self._put(_Parcel([payload]))

    async def send(self, payloads: Sequence[bytes]) -> None:
        """Write these text frames, none of them larger than a slice; returns when it is done.

        Raises SlowReader and HungUp. Cancellation takes back what has not been begun, and leaves
        the line as good as it was.
        """
        if self.is_closing and not self.is_slow:
            raise HungUp
        parcel = _Parcel(payloads)
        if not self.is_slow:
            self._put(parcel)
            try:
                await parcel.written.wait()
            finally:
                parcel.is_unwanted = True
        if self.is_slow:
            raise SlowReader

    def close(self, code: int, reason: str) -> None:
        """Close with this code and reason behind all that waits. What the client still says is
        ignored, and one that does not read has so long."""
        if self._last_words is None:
            self._last_words = code, reason
            self._scope.deadline = trio.current_time() + LAST_WORDS + CLOSE_WITHIN
            self._has_mail.set()

    @property
    def is_closing(self) -> bool:
        """Whether the client has been told to go, or is about to be."""
        return self._last_words is not None

    # ---- its life -------------------------------------------------------------------------------

    async def run(self, replayed: ReplayedStream, listener: Listener) -> None:
        """Accept the upgrade and serve the line until either side ends it.

        `listener.ended` is called once, whatever happened, before anything waits again.
        Cancellation ends the connection without a closing handshake.
        """
        stream = FrameStream(replayed)
        code: int | None = None
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    ws = None
                    with trio.move_on_after(HANDSHAKE_WITHIN):
                        request = await wrap_server_stream(
                            nursery,
                            stream,
                            # Counted in characters, by the library: it can only be stricter.
                            max_message_size=self._patience.message_limit,
                            receive_buffer_size=RECEIVE_SIZE,
                        )
                        ws = await request.accept()
                    if ws is None:  # a handshake that only the library finds fault with
                        self._scope.cancel()
                        return
                    nursery.start_soon(self._write, ws, stream)
                    nursery.start_soon(self._ping, stream)
                    await self._read(ws, listener)
                    if ws.closed is not None and ws.closed.code in _UNSPOKEN_CODES:
                        code = ws.closed.code
                    if not self.is_closing:  # else our own last words are on their way
                        nursery.cancel_scope.cancel()
        except Exception:
            code = BUG
            raise
        finally:
            listener.ended()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN):
                await stream.close_transport(code=code)

    async def _read(self, ws: WebSocketConnection, listener: Listener) -> None:
        """Take frames until the client ends the line or has to be shown out."""
        limit = self._patience.message_limit
        try:
            while True:
                frame = await ws.get_message()
                if self.is_closing:
                    continue
                try:
                    if isinstance(frame, bytes):
                        raise BadMessage({"": "must be a text frame"})
                    if len(frame) * 4 > limit and len(frame.encode()) > limit:
                        self.close(TOO_BIG, f"a message has at most {limit} bytes")
                        continue
                    listener.frame(frame)
                except BadMessage as bad:
                    listener.refuse(bad)
                    self._note_malformed(bad)
        except ConnectionClosed:
            return

    async def _write(self, ws: WebSocketConnection, stream: FrameStream) -> None:
        """Write one parcel after the other; behind the last one close, if that is wanted."""
        try:
            while not (self.is_closing and not self._outbox):
                await self._has_mail.wait()
                while self._outbox:
                    parcel = self._outbox.popleft()
                    for group in parcel.slices():
                        with trio.move_on_after(self._patience.write_timeout) as progress:
                            await stream.send_texts(group)
                        if progress.cancelled_caught:
                            self._give_up(parcel)
                            return
                    if not self._outbox:
                        self._signals_waiting = 0
                    parcel.written.set()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            if self.is_closing:
                self._scope.cancel()
            return  # the reader notices too, and ends the line
        code, reason = self._last_words or (NORMAL, "")
        with trio.move_on_after(CLOSE_WITHIN):
            await ws.aclose(code, reason)
        self._scope.cancel()

    async def _ping(self, stream: FrameStream) -> None:
        """Find a client that is gone without a word (RELIABILITY 3): nothing at all was heard
        for PONG_WITHIN after a ping. Where it was us who were late, it has another round."""
        try:
            while True:
                await trio.sleep(PING_EVERY - PONG_WITHIN)
                with trio.move_on_after(self._patience.write_timeout) as progress:
                    await stream.send_ping()
                if progress.cancelled_caught:
                    self._give_up()
                    return
                pinged_at = trio.current_time()
                await trio.sleep(PONG_WITHIN)
                is_late = trio.current_time() - pinged_at > PONG_WITHIN + LATE
                if stream.lived_at < pinged_at and not is_late:
                    log.info("chat.half_open")
                    self._scope.cancel()
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader notices too, and ends the line

    # ---- inside ---------------------------------------------------------------------------------

    def _put(self, parcel: _Parcel) -> None:
        self._outbox.append(parcel)
        self._has_mail.set()

    def _give_up(self, *begun: _Parcel) -> None:
        """The client does not read: half a frame may be on its way, and nothing can follow it."""
        log.info("chat.slow_reader")
        self.is_slow = True
        for parcel in (*begun, *self._outbox):
            parcel.written.set()
        self._scope.cancel()

    def _note_malformed(self, bad: BadMessage) -> None:
        now = trio.current_time()
        log.debug("chat.malformed", faults=bad.faults)
        self._malformed.append(now)
        if len(self._malformed) == MALFORMED_FRAMES and (
            now - self._malformed[0] <= MALFORMED_WINDOW
        ):
            self.close(POLICY, "too many malformed messages")
