"""One HTTP/1.1 connection of a peer: h11 says what the bytes mean, trio moves them.

`HttpConnection` reads one request after the other and writes one response to each. Every wait has
a deadline: the whole request must arrive within `request_timeout`, each slice of a response be
taken within `write_timeout` (RELIABILITY 4, 17).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import h11
import trio
from attrs import frozen

from eyeclaw_trio.errors import HungUp, RequestRefused, SlowReader
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.streams import NowaitStream, ReplayedStream

# A head larger than this is refused with 431. nginx and h11 draw the line near here too.
HEAD_LIMIT: Final = 16_384
RECEIVE_SIZE: Final = 65_536
# The unit of progress for a slow reader: CLI, `write_timeout`.
SLICE: Final = 65_536
# A client may keep an idle connection this long between two requests (seconds; as nginx does).
IDLE_BETWEEN_REQUESTS: Final = 75.0
# How much of a refused request is read and thrown away, so that its sender gets to read why.
LINGER_SIZE: Final = 8 * 1_048_576
LINGER_SECONDS: Final = 2.0

Headers = Sequence[tuple[str, str]]
NextLife = Callable[[ReplayedStream], Awaitable[None]]


@frozen
class Request:
    """The head of a request. Header names are lower case; `peer` is the other end's address."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    peer: str
    version: str = "1.1"

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


@frozen
class ConnectionPatience:
    """The two durations that matter to a connection, in seconds."""

    request_timeout: float
    write_timeout: float


@lru_cache(maxsize=64)
def _response(status: int, headers: tuple[tuple[str, str], ...], second: int) -> h11.Response:
    """A head as it was at that second (unix time). Most answers of a second have the same."""
    return h11.Response(
        status_code=status,
        headers=[*headers, ("Date", formatdate(second, usegmt=True))],
        reason=HTTPStatus(status).phrase.encode(),  # older clients expect one
    )


class HttpConnection:
    """Requests and responses over one stream, one after the other.

    `extra_headers` go into every response of the current request (CORS). After a write that was
    cancelled or failed nothing more is written: `can_continue` is then false.
    """

    __slots__ = (  # there may be thousands
        "_deadline",
        "_early",
        "_h11",
        "_is_broken",
        "_is_first",
        "_leave",
        "_method",
        "_patience",
        "_poller",
        "_raw",
        "_rest",
        "_stream",
        "extra_headers",
        "has_responded",
        "next_life",
        "path",
        "rest",
    )

    def __init__(
        self,
        stream: NowaitStream,
        patience: ConnectionPatience,
        poller: Poller | None = None,
    ) -> None:
        self.extra_headers: Headers = ()
        self.has_responded = False
        self.path = ""
        """Of the current request."""
        self.rest: Callable[[], Awaitable[None]] | None = None
        """What goes on with the response when the request is forgotten (`go_on`)."""
        self.next_life: NextLife | None = None
        """What goes on with the stream when HTTP is over (`hand_over`)."""
        self._stream = stream
        self._patience = patience
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._raw = bytearray()
        self._early = 0  # bytes that came before their turn
        self._poller = poller
        self._leave: Callable[[], None] = _stay
        self._deadline = trio.current_time() + patience.request_timeout
        self._is_first = True
        self._method = ""
        self._is_broken = False
        self._rest = b""  # of a write that was begun

    # ---- the request ----------------------------------------------------------------------------

    async def receive_request(self) -> Request | None:
        """Read the next head; None when the peer has ended the connection or stays silent.

        Raises RequestRefused (400, 408, 431, 501) for what is no request.
        """
        if not self._is_first and not await self._wait_for_more():
            return None
        self._is_first = False
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise _refusal(error) from None
            if isinstance(event, h11.Request):
                if len(self._raw) - len(self._h11.trailing_data[0]) > HEAD_LIMIT:
                    raise RequestRefused(431, "Request head too large")
                return self._read_head(event)
            if event is not h11.NEED_DATA:
                return None
            try:
                data = await self._receive()
            except RequestRefused:
                if not self._raw:
                    return None  # connected and said nothing: nobody waits for an answer
                raise
            if not data and not self._raw:
                return None
            self._raw += data
            self._h11.receive_data(data)

    async def receive_body(self, limit: int) -> bytes:
        """Read the body, of at most `limit` bytes.

        Raises RequestRefused (400, 408, 413). A client that waits for 100 Continue gets it.
        """
        if self._h11.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        body = bytearray()
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise _refusal(error) from None
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    raise RequestRefused(413, "Request body too large", {"limit": limit})
            elif isinstance(event, h11.EndOfMessage):
                self._raw = bytearray()  # nobody asks for it again, and the answer may be long
                return bytes(body)
            elif event is h11.NEED_DATA:
                self._h11.receive_data(await self._receive())
            else:
                raise HungUp

    def go_on(self, rest: Callable[[], Awaitable[None]]) -> None:
        """When the handler has returned, `rest` goes on with the response. That may take long,
        and the request is not kept for it."""
        self.rest = rest

    def hand_over(self, life: NextLife) -> None:
        """HTTP is over on this connection: when the handler has returned, `life` goes on with
        the stream. It may be a long one, and the request is not kept for it."""
        self.next_life = life

    def give_back(self) -> ReplayedStream:
        """The stream with the current request's bytes put back, for a WebSocket upgrade."""
        self.has_responded = True
        self._is_broken = True  # no HTTP on this connection any more
        replay = bytes(self._raw)
        head_size = len(replay) - len(self._h11.trailing_data[0])
        return ReplayedStream(replay, self._stream, head_size=head_size)

    # ---- the response ---------------------------------------------------------------------------

    async def respond(self, status: int, body: bytes = b"", headers: Headers = ()) -> None:
        """Write a whole response, as one. Raises HungUp and SlowReader."""
        length = () if status in (204, 304) else (("Content-Length", str(len(body))),)
        head = self._make_head(status, (*headers, *length))
        data = [h11.Data(data=body)] if body and self._method != "HEAD" else []
        await self._send(head, *data, h11.EndOfMessage())

    async def respond_json(self, status: int, value: object, headers: Headers = ()) -> None:
        """Write a JSON response. Raises HungUp and SlowReader."""
        await self.respond(status, encode(value), (("Content-Type", "application/json"), *headers))

    async def refuse(self, refused: RequestRefused) -> None:
        """Write what a RequestRefused says. Raises HungUp and SlowReader."""
        value = {"error": refused.error, "detail": refused.detail}
        await self.respond_json(refused.status, value, refused.headers)

    async def start_stream(self, headers: Headers, data: bytes, *, ends: bool = False) -> None:
        """Begin a 200 response of unknown length with its first piece, as one write.

        `write` and `end_stream` follow, unless it ends here. Raises HungUp and SlowReader.
        """
        end = [h11.EndOfMessage()] if ends else []
        await self._send(self._make_head(200, headers), h11.Data(data=data), *end)

    async def write(self, data: bytes) -> None:
        """Write a piece of the stream. Raises HungUp and SlowReader."""
        await self._send(h11.Data(data=data))

    def write_nowait(self, data: bytes) -> bool:
        """Write a piece of the stream, or what of it the system takes now; false where a rest is
        left, which `drain` writes before anything else is written. Raises HungUp."""
        return self._send_nowait(h11.Data(data=data))

    async def drain(self) -> None:
        """Write the rest of a piece, in slices; each must be taken within `write_timeout`.

        Raises HungUp and SlowReader. A write that does not get through, for whatever reason, may
        have left half an event: the connection is then broken for good.
        """
        rest, self._rest = memoryview(self._rest), b""
        for start in range(0, len(rest), SLICE):
            with trio.move_on_after(self._patience.write_timeout) as progress:
                try:
                    await self._stream.send_all(rest[start : start + SLICE])
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    raise HungUp from None
            if progress.cancelled_caught:
                raise SlowReader
        self._is_broken = False

    async def end_stream(self, data: bytes) -> None:
        """Write the last piece and the end of the response, as one. Raises HungUp and SlowReader.

        A reader that leaves as soon as it has seen the last piece has then had all of it.
        """
        await self._send(h11.Data(data=data), h11.EndOfMessage())

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """While inside, `leave` is called when the peer has ended the connection.

        A pipelined next request is kept for later, up to RECEIVE_SIZE bytes. Behind more than
        that the end of the connection shows only when a write fails. A task of the nursery finds
        it out where there is no poller for this stream.
        """
        pollable = self._stream.pollable
        if self._poller is not None and pollable is not None:
            self._leave = leave
            with suppress(OSError):  # the kernel has no room for one more
                return self._poller.watch(pollable, self._take_early)
        nursery.start_soon(self._leave_when_gone, leave)
        return nullcontext()

    async def wait_until_gone(self) -> None:
        """Return when the peer has ended the connection; until then, wait. As `monitor_hangup`."""
        while self._keep_early(data := await self._receive_once()):
            pass
        if data:
            await trio.sleep_forever()

    # ---- between requests -----------------------------------------------------------------------

    def start_next_request(self) -> bool:
        """Get ready for the next request; false when this connection has to end."""
        if self._is_broken or self._h11.our_state is not h11.DONE:
            return False
        if not self._has_read_all or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        self._raw = bytearray(self._h11.trailing_data[0])
        self._leave = _stay
        self._early = 0
        self.extra_headers = ()
        self.has_responded = False
        return True

    async def linger(self) -> None:
        """Let a peer that is still sending read the response, before the connection ends.

        Closing with unread bytes would reset it and the response might be lost. Bounded in bytes
        and time.
        """
        if self._is_broken or not self.has_responded or self._has_read_all:
            return
        with trio.move_on_after(LINGER_SECONDS):
            try:
                await self._stream.send_eof()
                size = 0
                while size < LINGER_SIZE:
                    data = await self._stream.receive_some(RECEIVE_SIZE)
                    if not data:
                        return
                    size += len(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    # ---- inside ---------------------------------------------------------------------------------

    def _read_head(self, event: h11.Request) -> Request:
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
        self._method = event.method.decode("ascii")
        self.path, query = _split_target(event.target.decode("latin-1"))
        return Request(
            method=self._method,
            path=self.path,
            query=dict(parse_qsl(query, keep_blank_values=True, errors="replace")),
            headers=headers,
            peer=self._stream.peer,
            version=event.http_version.decode("ascii"),
        )

    async def _wait_for_more(self) -> bool:
        """Wait for the first byte of the next request; the clock starts only then."""
        if not self._raw:
            data = b""
            with trio.move_on_after(IDLE_BETWEEN_REQUESTS):
                data = await self._receive_once()
            self._raw += data
            self._h11.receive_data(data)
        else:  # one client's thousand pipelined requests must not keep all others waiting
            await trio.lowlevel.checkpoint()
        self._deadline = trio.current_time() + self._patience.request_timeout
        return bool(self._raw)

    async def _receive(self) -> bytes:
        try:
            data = self._stream.receive_nowait(RECEIVE_SIZE)  # it nearly always is there already
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""
        if data is not None:
            return data
        with trio.move_on_at(self._deadline):
            return await self._receive_once()
        raise RequestRefused(408, "Request timed out")

    async def _leave_when_gone(self, leave: Callable[[], None]) -> None:
        await self.wait_until_gone()
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
        return bool(data) and self._early < RECEIVE_SIZE

    async def _receive_once(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(RECEIVE_SIZE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    def _make_head(self, status: int, headers: Iterable[tuple[str, str]]) -> h11.Response:
        self.has_responded = True
        if status >= 400 and not self._has_read_all:
            # Nobody will read the rest of this request, so nothing may follow it.
            headers = (*headers, ("Connection", "close"))
        return _response(status, (*headers, *self.extra_headers), int(time.time()))

    async def _send(self, *events: h11.Event) -> None:
        """Write these events as one. Raises HungUp and SlowReader."""
        if not self._send_nowait(*events):
            await self.drain()

    def _send_nowait(self, *events: h11.Event) -> bool:
        if self._is_broken:
            raise HungUp
        data = b"".join([self._h11.send(event) or b"" for event in events])
        if not data:
            return True
        self._is_broken = True  # until all of it is written
        try:
            written = self._stream.write_nowait(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise HungUp from None
        if written < len(data):
            self._rest = data[written:]
            return False
        self._is_broken = False
        return True

    @property
    def _has_read_all(self) -> bool:
        """Whether the request has been read to its end, as far as it is there already."""
        while self._h11.their_state is h11.SEND_BODY:
            event = self._next_event_or_none()
            if not isinstance(event, h11.Data | h11.EndOfMessage):
                break
        return self._h11.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    def _next_event_or_none(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError:
            return None


def _stay() -> None:
    """Nobody wants to know when the peer leaves."""


def _split_target(target: str) -> tuple[str, str]:
    """Path and query of a request target: origin-form, or absolute-form as to a proxy.

    The path stays as it was sent: what a proxy in front of us does not take for `/health` is not
    taken for it here either. Raises RequestRefused (400).
    """
    if not target.startswith(("/", "*")):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise RequestRefused(400, "Bad request target") from None
        return parts.path or "/", parts.query
    path, _, query = target.partition("?")
    return path, query


def _refusal(error: h11.RemoteProtocolError) -> RequestRefused:
    status = error.error_status_hint
    return RequestRefused(status, "Request head too large" if status == 431 else "Bad request")
