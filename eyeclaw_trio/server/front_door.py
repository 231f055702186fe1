"""The public listener: accept, route, keep alive, upgrade; one bug costs one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
import trio
from attrs import frozen

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.errors import ListenerGone, RequestRefused
from eyeclaw_trio.wire.http_connection import ConnectionPatience, Headers, HttpConnection, Request
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.streams import wrap

log = structlog.get_logger(__name__)

Handler = Callable[[Request, HttpConnection], Awaitable[None]]

# What a browser may send beside the plain headers, and how long it may remember that (seconds).
_CORS_HEADERS: Final = "Authorization, Content-Type, Last-Event-ID"
_CORS_MAX_AGE: Final = "600"


@frozen
class Origins:
    """Which browsers' origins may use the public listener; `*` among them means all."""

    allowed: frozenset[str] = frozenset()

    def allows(self, origin: str) -> bool:
        """Whether a page of this origin may."""
        return "*" in self.allowed or origin in self.allowed

    def headers_for(self, request: Request) -> Headers:
        """The CORS headers of a response to this request."""
        origin = request.headers.get("origin")
        if origin is None or not self.allows(origin):
            return ()
        shown = "*" if "*" in self.allowed else origin
        return (("Access-Control-Allow-Origin", shown), ("Vary", "Origin"))


class FrontDoor:
    """Serves connections: each is a life of its own, and none can hurt another.

    `routes` maps a path to its handlers by method. A path that ends with `/` takes all below it.
    Hang-ups are heard by the poller, which must run, or by a task for each answer.
    """

    def __init__(
        self,
        routes: Mapping[str, Mapping[str, Handler]],
        origins: Origins,
        patience: Patience,
        limits: Limits,
        poller: Poller | None = None,
    ) -> None:
        self.open_connections = 0
        self._routes = routes
        self._origins = origins
        self._limit = limits.connections
        self._poller = poller
        self._patience = ConnectionPatience(patience.request_timeout, patience.write_timeout)

    async def serve_connection(self, stream: trio.abc.Stream) -> None:
        """Serve one peer until it leaves; returns with the stream closed, whatever happened.

        A bug in a handler is logged and ends this connection only.
        """
        if self.open_connections >= self._limit:
            await self._turn_away(stream)
            return
        self.open_connections += 1
        accepted = wrap(stream)
        peer = accepted.peer
        try:
            connection = HttpConnection(accepted, self._patience, self._poller)
            while (rest := await self._converse(connection)) is not None:
                # Here and not in there: it may last for minutes, and a frame costs memory.
                try:
                    await rest
                except Exception as error:
                    await self._explain(error, connection)
                if not await self._is_at_next(connection):
                    break
            if connection.next_life is not None:
                life = connection.next_life(connection.give_back())
                del connection, accepted  # a link may live for weeks, and needs nothing of HTTP
                await life
        except* ListenerGone:
            pass  # the peer has left, or does not read: there is nobody to tell
        except* Exception:
            log.exception("connection.bug", peer=peer)
        finally:
            self.open_connections -= 1
            await trio.aclose_forcefully(stream)

    async def _converse(self, connection: HttpConnection) -> Awaitable[None] | None:
        """Answer one request after the other, until one has a rest that goes on, which is
        returned, or there is nothing more to be done for HTTP."""
        while True:
            try:
                request = await connection.receive_request()
                if request is None:
                    return None
                await self._answer(request, connection)
            except Exception as error:
                await self._explain(error, connection)
            if connection.rest is not None:
                rest, connection.rest = connection.rest(), None
                return rest
            if not await self._is_at_next(connection):
                return None

    async def _explain(self, error: Exception, connection: HttpConnection) -> None:
        """Say to the peer what has ended its request, where that can still be said."""
        if isinstance(error, RequestRefused):
            # Beyond this point of the stream nothing can be trusted.
            if not connection.has_responded:
                await connection.refuse(error)
        elif isinstance(error, ListenerGone) or connection.has_responded:
            raise error
        else:
            log.exception("request.bug", path=connection.path)
            await connection.refuse(RequestRefused(500, "Internal error"))

    async def _is_at_next(self, connection: HttpConnection) -> bool:
        """Whether another request may follow; else the peer gets the time to read."""
        if connection.next_life is not None:
            return False
        if connection.start_next_request():
            return True
        await connection.linger()
        return False

    async def _answer(self, request: Request, connection: HttpConnection) -> None:
        connection.extra_headers = self._origins.headers_for(request)
        methods = self._find(request.path)
        if methods is None:
            raise RequestRefused(404, "Not found")
        allowed = [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]
        if request.method == "OPTIONS":
            await connection.respond(204, headers=self._preflight(request, allowed))
            return
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise RequestRefused(
                405, "Method not allowed", headers=[("Allow", ", ".join(sorted(allowed)))]
            )
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise RequestRefused(415, "Compressed request bodies are not accepted")
        await methods[method](request, connection)

    def _find(self, path: str) -> Mapping[str, Handler] | None:
        methods = self._routes.get(path)
        if methods is None and path.count("/") > 1:
            methods = self._routes.get(path[: path.rindex("/") + 1])
        return methods

    def _preflight(self, request: Request, allowed: list[str]) -> Headers:
        methods = ", ".join(sorted(allowed))
        if not self._origins.headers_for(request):
            return (("Allow", methods),)
        return (
            ("Allow", methods),
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", _CORS_HEADERS),
            ("Access-Control-Max-Age", _CORS_MAX_AGE),
        )

    async def _turn_away(self, stream: trio.abc.Stream) -> None:
        """At the limit: say so in one breath, without reading (RELIABILITY 19)."""
        log.warning("connection.limit", limit=self._limit)
        connection = HttpConnection(wrap(stream), ConnectionPatience(1.0, 1.0))
        try:
            await connection.refuse(
                RequestRefused(503, "Too many connections", headers=[("Retry-After", "5")])
            )
        except ListenerGone:
            pass
        finally:
            await trio.aclose_forcefully(stream)
