"""Reads what a peer sends over one HTTP/1.1 connection: heads, bodies, and that it has left.

Every wait has a deadline: the whole request must arrive within `request_timeout` (RELIABILITY 17).
Everything that is parsed is counted: many small pieces give way to all others (RELIABILITY 35).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final

import h11
import trio
from attrs import field, frozen

from eyeclaw_trio.errors import HungUp, RequestRefused, TryLater
from eyeclaw_trio.wire.budget import Allowance, Budget
from eyeclaw_trio.wire.newcomers import Newcomer, Newcomers
from eyeclaw_trio.wire.poller import ANSWER_END, Poller
from eyeclaw_trio.wire.request_target import guess_path, read_query, split_target
from eyeclaw_trio.wire.streams import LOOK, RECEIVE_SIZE, NowaitStream, ReplayedStream

# A head larger than this is refused with 431. nginx and h11 draw the line near here too.
HEAD_LIMIT: Final = 16_384
# So much is read of a head at a time: what has come behind it is kept as long as the answer takes,
# and thousands may be waited for. Nearly all heads are shorter.
HEAD_RECEIVE_SIZE: Final = LOOK
# A client may keep an idle connection this long between two requests (seconds; as nginx does).
IDLE_BETWEEN_REQUESTS: Final = 75.0
# What stands around the pieces of a chunked body may be as long as the longest body, and this
# (bytes): clients that write token by token are let in, chunk extensions without end are not.
CHUNK_ROOM: Final = 65_536
# A request whose body nobody wants is looked at for its end in so many pieces: a small one is
# there already. More of it is not worth the work, and the connection ends instead.
LOOKS: Final = 8
# A pipelined request counts for so many pieces: it is answered, and not only parsed.
REQUEST_ITEMS: Final = 64
# A head that is not there to its end takes so many times its size: here, in h11's buffer, which
# is larger than what it holds, and below TLS.
HEAD_COPIES: Final = 4
# Bytes of a next request that are kept while an answer is written: thousands may be.
EARLY: Final = 2_048


@frozen
class Request:
    """The head of a request. Header names are lower case; `peer` is the other end's address.

    `newcomer` is to be told when a key was shown.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    peer: str
    version: str = "1.1"
    newcomer: Newcomer = field(factory=lambda: Newcomers().enter(), eq=False, repr=False)

    @property
    def is_upgrade(self) -> bool:
        """Whether the client wants to go on with WebSocket."""
        wanted = {part.strip().lower() for part in self.headers.get("connection", "").split(",")}
        return "upgrade" in wanted and self.headers.get("upgrade", "").strip().lower() == (
            "websocket"
        )

    @property
    def bearer(self) -> str | None:
        """The credential of `Authorization: Bearer`, whose scheme is case-insensitive."""
        scheme, _, credential = self.headers.get("authorization", "").strip().partition(" ")
        return credential.strip() or None if scheme.lower() == "bearer" else None


@frozen(eq=False)
class ConnectionTerms:
    """What all connections of a listener have in common: two durations in seconds, the poller
    that hears their hang-ups, where there is one, and the budget of their parsers."""

    request_timeout: float
    write_timeout: float
    poller: Poller | None = None
    budget: Budget = field(factory=Budget)


class RequestReader:
    """Reads one request after the other. One task at a time may wait in it."""

    __slots__ = (  # there may be thousands
        "_allowance",
        "_deadline",
        "_early",
        "_h11",
        "_is_first",
        "_leave",
        "_looks_left",
        "_raw",
        "_stream",
        "_terms",
        "wants_body",
    )

    def __init__(self, stream: NowaitStream, terms: ConnectionTerms, h11: h11.Connection) -> None:
        self.wants_body = True
        """Whether a body may follow the head of a response: not where HEAD asks for it, also
        where that is refused."""
        self._stream = stream
        self._terms = terms
        self._h11 = h11
        self._allowance = Allowance(terms.budget)
        self._raw = h11.trailing_data[0]  # what was read of the first one already
        self._early = 0  # bytes that came before their turn
        self._leave: Callable[[], None] = _stay
        self._deadline = trio.current_time() + terms.request_timeout
        self._is_first = True
        self._looks_left = LOOKS

    async def receive_request(self, newcomer: Newcomer) -> Request | None:
        """Read the next head; None when the peer has ended the connection or stays silent.

        Raises RequestRefused (400, 408, 431, 501) for what is no request. Cancellation may lose
        a part of it: the connection has to end.
        """
        if not self._is_first and not await self._wait_for_more(newcomer):
            return None
        self._is_first = False
        held = 0
        while True:
            event = self._next_event()
            if isinstance(event, h11.Request):
                newcomer.let_go(held)
                newcomer.was_served = True
                self.wants_body = event.method != b"HEAD"
                if len(self._raw) - len(self._h11.trailing_data[0]) > HEAD_LIMIT:
                    raise RequestRefused(431, "Request head too large")
                return _read_head(event, newcomer.peer, newcomer)
            if event is not h11.NEED_DATA:
                return None
            begun = HEAD_COPIES * len(self._raw) - held
            if not newcomer.hold(begun):
                raise TryLater("Too much at once")
            held += begun
            try:
                data = await self._receive(HEAD_RECEIVE_SIZE, newcomer)
            except RequestRefused:
                if not self._raw:
                    return None  # connected and said nothing: nobody waits for an answer
                raise
            if not data and not self._raw:
                return None
            self._raw += data
            self._h11.receive_data(data)

    async def receive_body(self, limit: int, take: Callable[[int], bool]) -> bytes:
        """Read the body, of at most `limit` bytes. `take` is asked for the room of each piece.

        Raises RequestRefused (400, 408, 413, and 503 where there is no room), and HungUp where
        the peer is gone. Cancellation loses what has come: the connection has to end.
        """
        body = bytearray()
        received = len(self._h11.trailing_data[0])
        while True:
            event = self._next_event()
            size = 0
            if isinstance(event, h11.Data):
                size = len(event.data)
                if not take(size):
                    raise TryLater("Too much at once")
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._raw = b""  # nobody asks for it again, and the answer may be long
                return bytes(body)
            elif event is h11.NEED_DATA:
                data = await self._receive(RECEIVE_SIZE)
                received += len(data)
                self._h11.receive_data(data)
            else:
                raise HungUp
            if len(body) > limit or received > 2 * limit + CHUNK_ROOM:
                raise RequestRefused(413, "Request body too large", {"limit": limit})
            if not self._allowance.spend(1, size):
                with trio.move_on_at(self._deadline):
                    await self._allowance.renew()
                self._check_deadline()

    def guess_path(self) -> str:
        """As `request_target.guess_path`, of what was read."""
        return guess_path(self._raw[:HEAD_LIMIT])

    def give_back(self) -> ReplayedStream:
        """The stream with the current request's bytes put back, for a WebSocket upgrade."""
        head_size = len(self._raw) - len(self._h11.trailing_data[0])
        return ReplayedStream(self._raw, self._stream, head_size=head_size)

    def has_read_all(self) -> bool:
        """Whether the request has been read to its end, as far as it is there already and that
        shows at a few looks."""
        while self._h11.their_state is h11.SEND_BODY and self._looks_left > 0:
            self._looks_left -= 1
            try:
                event = self._next_event()
            except RequestRefused:
                break
            if not isinstance(event, h11.Data | h11.EndOfMessage):
                break
        return self._h11.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    def start_next_request(self) -> None:
        """The next one begins with what has come early. h11 has begun its next cycle."""
        self.wants_body = True
        self._raw = self._h11.trailing_data[0]
        self._leave = _stay
        self._early = 0
        self._looks_left = LOOKS

    # ---- hang-ups -------------------------------------------------------------------------------

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """While inside, `leave` is called when the peer has ended the connection.

        A pipelined next request is kept for later, up to EARLY bytes: what is left is in the
        system's memory, and not ours. Behind more than that the end of the connection shows only
        when a write fails. A task of the nursery finds it out where there is no poller for this
        stream.
        """
        pollable = self._stream.pollable
        if self._terms.poller is not None and pollable is not None:
            self._leave = leave
            with suppress(OSError):  # the kernel has no room for one more
                return self._terms.poller.watch(
                    pollable, self._take_early, end_size=ANSWER_END, size=EARLY
                )
        nursery.start_soon(self._leave_when_gone, leave)
        return nullcontext()

    async def _leave_when_gone(self, leave: Callable[[], None]) -> None:
        while self._keep_early(data := await self._receive_once(EARLY)):
            pass
        if not data:
            leave()

    def _take_early(self, data: bytes | None) -> bool:
        if not data:
            self._leave()
            return False
        return self._keep_early(data)

    def _keep_early(self, data: bytes) -> bool:
        """Keep what the peer says before its turn; false when it has ended or said too much."""
        self._early += len(data)
        if data:
            self._h11.receive_data(data)
        return bool(data) and self._early < EARLY

    # ---- inside ---------------------------------------------------------------------------------

    def _next_event(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            words = "Request head too large" if status == 431 else "Bad request"
            raise RequestRefused(status, words) from None

    async def _wait_for_more(self, newcomer: Newcomer) -> bool:
        """Wait for the first byte of the next request; the clock starts only then."""
        if not self._raw:
            data = b""
            with trio.move_on_after(IDLE_BETWEEN_REQUESTS):
                data = await self._receive_once(HEAD_RECEIVE_SIZE, newcomer)
            self._raw += data
            self._h11.receive_data(data)
            self._allowance.restart()
        else:  # one client's thousand pipelined requests must not keep all others waiting
            await trio.lowlevel.checkpoint()
            if not self._allowance.spend(REQUEST_ITEMS):
                await self._allowance.renew()
            await newcomer.admission(self._raw[:LOOK])
        self._deadline = trio.current_time() + self._terms.request_timeout
        return bool(self._raw)

    async def _receive(self, size: int, newcomer: Newcomer | None = None) -> bytes:
        self._check_deadline()
        try:
            data = self._stream.receive_nowait(size)  # it nearly always is there already
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""
        if data is not None:
            return data
        with trio.move_on_at(self._deadline):
            return await self._receive_once(size, newcomer)
        raise _too_slow()

    async def _receive_once(self, size: int, newcomer: Newcomer | None = None) -> bytes:
        try:
            if newcomer is not None:
                return bytes(await self._stream.receive_admitted(size, newcomer.admission))
            return bytes(await self._stream.receive_some(size))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    def _check_deadline(self) -> None:
        if trio.current_time() > self._deadline:
            raise _too_slow()


def _stay() -> None:
    """Nobody wants to know when the peer leaves."""


def _too_slow() -> RequestRefused:
    return RequestRefused(408, "Request timed out")


def _read_head(event: h11.Request, peer: str, newcomer: Newcomer) -> Request:
    """Raises RequestRefused (400)."""
    headers: dict[str, str] = {}
    for name, value in event.headers:
        key, text = name.decode("ascii"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    if "transfer-encoding" in headers and "content-length" in headers:
        # The two ends of a proxy chain might each believe another one (RELIABILITY 18), so
        # nothing behind it may be taken for a request, also where its body is there already.
        raise RequestRefused(
            400,
            "Both Content-Length and Transfer-Encoding",
            headers=[("Connection", "close")],
        )
    path, query = split_target(event.target.decode("latin-1"))
    return Request(
        method=event.method.decode("ascii"),
        path=path,
        query=read_query(query),
        headers=headers,
        peer=peer,
        version=event.http_version.decode("ascii"),
        newcomer=newcomer,
    )
