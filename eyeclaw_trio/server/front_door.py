"""The public listener: accept, route, keep alive, upgrade; one bug costs one connection."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

import trio
from attrs import frozen

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.errors import ReaderGone, RequestRefused, TryLater
from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.server.refusals import describe_for
from eyeclaw_trio.wire.accepting import size_of, wrap
from eyeclaw_trio.wire.admission import Look
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.newcomers import Newcomer, Newcomers
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.request_reader import ConnectionTerms, Request
from eyeclaw_trio.wire.response_writer import Headers
from eyeclaw_trio.wire.streams import LOOK, NowaitStream, ReplayedStream
from eyeclaw_trio.wire.tls_stream import TlsStream


@frozen
class Upgrade:
    """HTTP is over on this connection: `serve` goes on with the stream. It may be for long, and
    nothing of the request is kept for it."""

    serve: Callable[[ReplayedStream], Coroutine[Any, Any, None]]


Continuation = Coroutine[Any, Any, None] | Upgrade | None
"""What goes on when a handler has returned: the rest of a long response, for which the request
is not kept; another protocol; or nothing, because all has been written."""

Handler = Callable[[Request, HttpConnection], Coroutine[Any, Any, Continuation]]
"""Serves one route. Raises RequestRefused for what is to be refused, and ReaderGone."""

# What a browser may send beside the plain headers, and how long it may remember that (seconds).
# OpenAI's own client describes itself in headers of its own.
_STAINLESS: Final = ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version")
_CORS_HEADERS: Final = ", ".join(
    [
        *("Authorization", "Content-Type", "Last-Event-ID", "X-OpenClaw-Agent-Id"),
        *(f"X-Stainless-{name}" for name in (*_STAINLESS, "Retry-Count", "Timeout")),
    ]
)
_CORS_MAX_AGE: Final = "600"
# At the limit of connections so many at a time get a handshake, to be told so, within so many
# seconds. All others are closed: a handshake costs a hundred times what that does.
REFUSED_AT_A_TIME: Final = 8
REFUSED_WITHIN: Final = 1.0


class FrontDoor:
    """Serves connections: each is a life of its own, and none can hurt another.

    `routes` maps a path to its handlers by method. A path that ends with `/` takes all below it.
    Hang-ups are heard by the poller, which must run, or by a task for each answer. Where many
    come in one instant, `look` says whom to take first. What they cost is counted for who has shown
    a key, in `memory`.
    """

    def __init__(
        self,
        routes: Mapping[str, Mapping[str, Handler]],
        origins: Origins,
        patience: Patience,
        limits: Limits,
        poller: Poller | None = None,
        look: Look = lambda _: None,
        memory: Shares | None = None,
    ) -> None:
        self.open_connections = 0
        self.newcomers = Newcomers(
            connections=limits.connections, look=look, waits=poller, memory=memory
        )
        self._routes = routes
        self._origins = origins
        self._limit = limits.connections
        self._terms = ConnectionTerms(patience.request_timeout, patience.write_timeout, poller)
        self._peers = PeerLog()
        self._refusing = 0  # those that TLS is spoken to, to tell them that there are too many

    async def serve_connection(self, stream: trio.abc.Stream) -> None:
        """Serve one peer until it leaves; returns with the stream closed, whatever happened.

        A bug in a handler is logged and ends this connection only. Cancellation ends it without
        a word.
        """
        accepted = wrap(stream)
        if self.open_connections >= self._limit:
            await self._turn_away(accepted)
            return
        self.open_connections += 1
        newcomer: Newcomer | None = None
        try:
            begun = _receive_beginning(accepted)
            if begun is None:
                return
            await self.newcomers.admit(accepted.peer, begun)
            newcomer = self.newcomers.enter(accepted.peer, accepted, size_of(accepted))
            connection = HttpConnection(accepted, self._terms, newcomer, begun)
            del begun
            continuation: Continuation = None
            while True:
                try:
                    continuation = await self._take_request(connection)
                    if isinstance(continuation, Upgrade):
                        break
                    # Here and not in there: it may last for minutes, and a frame costs memory.
                    if continuation is not None:
                        await continuation
                except Exception as error:
                    await self._explain(error, connection)
                if not connection.start_next_request():
                    await self._linger(connection)
                    break
            if isinstance(continuation, Upgrade):
                life = continuation.serve(connection.give_back())
                del connection, continuation  # a link may live for weeks, and needs nothing of HTTP
                await life
        except* ReaderGone:
            pass  # the peer has left, or does not read: there is nobody to tell
        except* Exception:
            self._peers.exception(accepted.peer, "connection.bug")
        finally:
            self.open_connections -= 1
            if newcomer is not None:
                newcomer.end()
            await accepted.abort()

    async def _take_request(self, connection: HttpConnection) -> Continuation:
        """Read one request and answer it, or begin to."""
        with connection.newcomer.ending_here():
            request = await connection.receive_request()
            if request is not None:
                return await self._answer(request, connection)
        return None

    async def _explain(self, error: Exception, connection: HttpConnection) -> None:
        """Say to the peer what has ended its request, where that can still be said."""
        writer = connection.writer
        if isinstance(error, ReaderGone) or (
            writer.has_responded and not isinstance(error, RequestRefused)
        ):
            raise error
        if not isinstance(error, RequestRefused):
            self._peers.exception(connection.newcomer.peer, "request.bug", path=connection.path)
            error = RequestRefused(500, "Internal error")
        if not writer.has_responded:  # else beyond this point of the stream nothing can be trusted
            with connection.newcomer.ending_here():
                await connection.newcomer.admission()  # who asks for nothing wrong goes first
                said = describe_for(connection.path, error)
                await writer.respond_json(error.status, said, error.headers)

    async def _linger(self, connection: HttpConnection) -> None:
        """The connection ends, and the peer gets the time to read why."""
        with connection.newcomer.ending_here():
            await connection.linger()

    async def _answer(self, request: Request, connection: HttpConnection) -> Continuation:
        connection.writer.extra_headers = self._origins.headers_for(request)
        methods = self._find(request.path)
        if methods is None:
            raise RequestRefused(404, "Not found")
        allowed = [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]
        if request.method == "OPTIONS":
            await connection.writer.respond(204, headers=self._preflight(request, allowed))
            return None
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise RequestRefused(
                405, "Method not allowed", headers=[("Allow", ", ".join(sorted(allowed)))]
            )
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise RequestRefused(415, "Compressed request bodies are not accepted")
        return await methods[method](request, connection)

    def _find(self, path: str) -> Mapping[str, Handler] | None:
        methods = self._routes.get(path)
        if methods is None and path.count("/") > 1:
            methods = self._routes.get(path[: path.rindex("/") + 1])
        return methods

    def _preflight(self, request: Request, allowed: list[str]) -> Headers:
        methods = ", ".join(sorted(allowed))
        if "origin" not in request.headers or not self._origins.allows(request):
            return (("Allow", methods),)
        return (
            ("Allow", methods),
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", _CORS_HEADERS),
            ("Access-Control-Max-Age", _CORS_MAX_AGE),
        )

    async def _turn_away(self, stream: NowaitStream) -> None:
        """At the limit: say so in one breath, without reading (RELIABILITY 19). Where TLS has to be
        spoken for that, to some at a time, and to none where others wait for a handshake."""
        self._peers.warning(stream.peer, "connection.limit", limit=self._limit)
        terms = ConnectionTerms(1.0, 1.0)
        connection = HttpConnection(stream, terms, Newcomers().enter())
        try:
            if not isinstance(stream, TlsStream):
                await self._say_full(connection)
            elif self._refusing < REFUSED_AT_A_TIME and not self.newcomers.admission.is_busy:
                self._refusing += 1
                try:
                    with trio.move_on_after(REFUSED_WITHIN):
                        await stream.receive_admitted(LOOK, partial(self._admit, stream.peer))
                    await self._say_full(connection)
                finally:
                    self._refusing -= 1
        except (ReaderGone, trio.BrokenResourceError):
            pass
        finally:
            await stream.abort()

    async def _say_full(self, connection: HttpConnection) -> None:
        refused = TryLater("Too many connections")
        await connection.writer.respond_json(
            refused.status, describe_for("", refused), refused.headers
        )

    async def _admit(self, peer: str, _: bytes) -> None:
        await self.newcomers.admit(peer, b"")


def _receive_beginning(stream: NowaitStream) -> bytes | None:
    """What a peer has said already, which is mostly there as soon as it is; None where it has left
    without a word."""
    try:
        begun = stream.receive_nowait(LOOK)
    except trio.BrokenResourceError:
        return None
    if begun is None:
        return b""
    return begun or None
