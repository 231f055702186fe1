"""The admin listener: Starlette on hypercorn, inside the gateway's own trio process.

hypercorn's own `serve` keeps all connections in one nursery, so that a request which breaks one of
them ends the listener with all others; and it shields its writing, so that a reader who has stopped
keeps the process. Here each connection has a nursery of its own, and its socket an owner who can
close it. HTTP/2 is not spoken: nobody needs it without TLS, and a receive of its smallest frames,
for which hypercorn never gives way, was two tenths of a second for everybody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, cast

import structlog
import trio
from attrs import frozen
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eyeclaw_trio.wire.accepting import wrap
from eyeclaw_trio.wire.budget import Budget
from eyeclaw_trio.wire.peer_log import PeerLog

log = structlog.get_logger(__name__)

# Connections at once: pages and scrapers are few, and the answers need files too.
CONNECTIONS: Final = 256
# So much is received of a connection at a time (bytes), and of all of them in one pass of the loop:
# 64 kB of a body in chunks of one byte, which hypercorn takes apart without giving way, also of a
# request that is refused, are 55 ms.
RECEIVE_SIZE: Final = 4_096
# A page that is open when the gateway stops has so long to be written (seconds).
PAGES_WITHIN: Final = 2.0


async def serve_admin(
    app: ASGIApp,
    listeners: Sequence[trio.SocketListener],
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the pages on these listeners until `stopping`, then for PAGES_WITHIN at most what is
    open; started when it accepts.

    Cancellation ends all connections in the middle of whatever they write.
    """
    server = _Server(app)
    async with trio.open_nursery() as connections:
        try:
            async with trio.open_nursery() as accepting:
                await accepting.start(
                    partial(
                        trio.serve_listeners,
                        server.serve_connection,
                        list(listeners),
                        handler_nursery=connections,
                    )
                )
                task_status.started()
                await stopping.wait()
                accepting.cancel_scope.cancel()
            with trio.move_on_after(PAGES_WITHIN):
                await server.finish()
        finally:
            server.close()
            connections.cancel_scope.cancel()


class _Server:
    """hypercorn, one connection at a time."""

    def __init__(self, app: ASGIApp) -> None:
        page = cast(ASGIFramework, _Page(app))  # Starlette says it in other words
        self._app = ASGIWrapper(page)
        self._config = _configure()
        self._context = WorkerContext(None)
        self._log = PeerLog()
        self._budget = Budget(size=RECEIVE_SIZE)
        self._streams: set[trio.SocketStream] = set()
        self._is_last_gone = trio.Event()

    async def serve_connection(self, stream: trio.SocketStream) -> None:
        """Serve one peer until it leaves. Whatever fails ends this connection only.

        Cancellation ends it in the middle of what it writes.
        """
        if len(self._streams) >= CONNECTIONS:
            await trio.aclose_forcefully(stream)
            return
        self._streams.add(stream)
        peer = wrap(stream).peer
        try:
            watched = _WatchedStream(stream, self._budget)
            server = _Http1Server(
                self._app,
                self._config,
                self._context,
                ConnectionState({}),
                cast("trio.SSLStream[trio.SocketStream]", watched),  # it takes both kinds
            )
            watched.on_end = server.idle_task.stop
            await server.run()
        except* Exception as group:
            self._log.info(peer, "admin.connection_failed", error=repr(group.exceptions[0]))
        finally:
            self._streams.discard(stream)
            if not self._streams:
                self._is_last_gone.set()
            stream.socket.close()

    async def finish(self) -> None:
        """End idle connections and wait for the others. Cancellation leaves them as they are."""
        await self._context.terminated.set()
        while self._streams:
            self._is_last_gone = trio.Event()
            await self._is_last_gone.wait()

    def close(self) -> None:
        """End every connection, also one whose writing is shielded."""
        for stream in self._streams:
            stream.socket.close()


class _Http1Server(TCPServer):
    """hypercorn's part of one connection, which ends where the peer wants HTTP/2."""

    _protocol: ProtocolWrapper

    @property
    def protocol(self) -> ProtocolWrapper:
        """What the bytes are handed to."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: ProtocolWrapper) -> None:
        self._protocol = cast(ProtocolWrapper, _Http1(protocol))


@frozen
class _Http1:
    """A protocol of hypercorn's as its server uses it."""

    _whole: ProtocolWrapper

    async def initiate(self) -> None:
        """The connection begins. Cancelled, it has not, and its server ends it."""
        await self._whole.initiate()

    async def handle(self, event: Event) -> None:
        """Something has come. hypercorn's own would go on with HTTP/2 where we end."""
        try:
            await self._whole.protocol.handle(event)
        except (H2ProtocolAssumedError, H2CProtocolRequiredError):
            await self._whole.send(Closed())


class _WatchedStream:
    """A socket's stream as hypercorn uses it. `on_end` is awaited when nothing more will come:
    hypercorn would keep a connection that its peer has closed until it has been idle for long.
    All connections share the budget of what is received."""

    def __init__(self, stream: trio.SocketStream, budget: Budget) -> None:
        self._budget = budget
        self.on_end: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        self.socket = stream.socket
        self.send_all = stream.send_all
        self.send_eof = stream.send_eof
        self.aclose = stream.aclose
        self._receive_some = stream.receive_some

    async def receive_some(self, max_bytes: int) -> bytes | bytearray:
        """As trio.SocketStream, but RECEIVE_SIZE at the most, when there is room in the budget.
        Cancelled then, what was received is lost."""
        try:
            data = await self._receive_some(min(max_bytes, RECEIVE_SIZE))
        except trio.BrokenResourceError:
            await self.on_end()
            raise
        if not data:
            await self.on_end()
        if not self._budget.spend(0, len(data)):
            await self._budget.renew()
        return data


@frozen
class _Page:
    """An application whose faults are logged; those of sending are the peer's."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_failed_to_send = False

        async def send_on(message: Message) -> None:
            nonlocal has_failed_to_send
            try:
                await send(message)
            except Exception:
                has_failed_to_send = True
                raise

        try:
            await self.app(scope, receive, send_on)
        except ClientDisconnect:
            log.debug("page.left")  # in the middle of what it had to say
        except Exception:
            if not has_failed_to_send:
                log.exception("page.bug", path=scope.get("path"))
            raise


def _configure() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = None  # it cannot tell a page's fault from a peer's: see _Page
    config.include_server_header = False
    return config
