"""The client's side of a connection: TCP, TLS, upgrade. For the connector, `ask` and `chat`."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, cast

import trio
from attrs import field, frozen
from trio_websocket import WebSocketConnection, wrap_client_stream

from eyeclaw_trio.errors import LinkBroken
from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.trust import trusted_context
from eyeclaw_trio.wire.connect_failures import (
    describe_failure,
    describe_refusal,
    is_of_gateway,
    suggest_tls,
)
from eyeclaw_trio.wire.streams import RECEIVE_SIZE

# Seconds for the way to the gateway: TCP and TLS, then its answer to the upgrade.
CONNECT_WITHIN: Final = 10.0
UPGRADE_WITHIN: Final = 10.0
# Seconds in which a peer that did not understand us shows whether TLS is what it speaks.
_PROBE_WITHIN: Final = 2.0


class ClientStream(trio.abc.Stream):
    """A transport that is watched. `heard_at` is in monotonic seconds.

    trio-websocket speaks the protocol on top of it. It does not tell when the gateway was last
    heard of, does not return from a handshake that the peer has hung up on, and writes each frame
    by itself.
    """

    def __init__(self, transport: trio.abc.Stream) -> None:
        self.heard_at = trio.current_time()
        self.ended = trio.Event()
        """Nothing more will be heard."""
        self._transport = transport
        self._lock = trio.StrictFIFOLock()
        self._held: list[bytes] | None = None
        self._is_midway = False  # in a write, or it was cut off there: nothing may follow it

    @contextmanager
    def hold(self) -> Iterator[None]:
        """What is sent inside is kept, to be written as one by `drain`."""
        self._held = []
        try:
            yield
        except BaseException:
            self._held = None
            raise

    async def drain(self) -> None:
        """Write what was held; raises and is cancelled as `send_all`."""
        held, self._held = self._held, None
        if held:
            await self._write(b"".join(held))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the transport, but callers take turns. Cancelled, it may have sent a part: whoever
        writes behind it gets trio.BrokenResourceError."""
        if self._held is not None:
            self._held.append(bytes(data))
            await trio.lowlevel.checkpoint()
        else:
            await self._write(data)

    async def _write(self, data: bytes | bytearray | memoryview) -> None:
        async with self._lock:
            if self._is_midway:
                raise trio.BrokenResourceError
            self._is_midway = True
            await self._transport.send_all(data)
            self._is_midway = False

    async def wait_send_all_might_not_block(self) -> None:
        """As the transport, also when cancelled."""
        await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As the transport, which may raise trio.BrokenResourceError or trio.ClosedResourceError;
        cancelled, nothing is lost of what comes."""
        try:
            data = await self._transport.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.ended.set()
            raise
        if data:
            self.heard_at = trio.current_time()
        else:
            self.ended.set()
        return data

    async def wait_for_silence(self, seconds: float) -> None:
        """Return when nothing has been heard for so long. Cancellation changes nothing."""
        while trio.current_time() < self.heard_at + seconds:
            await trio.sleep_until(self.heard_at + seconds)

    async def aclose(self) -> None:
        """End the connection, without a goodbye of TLS that a dead peer would make us wait for;
        also when cancelled."""
        self.ended.set()
        await trio.aclose_forcefully(self._transport)


@frozen
class UpgradeRequest:
    """What is asked for: `resource` is path and query behind the endpoint's prefix. A key or token
    travels in a header, because addresses end up in logs. `largest_message` is in bytes."""

    resource: str
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    largest_message: int
    subprotocols: Sequence[str] = ()


async def open_stream(endpoint: Endpoint, context: ssl.SSLContext | None = None) -> ClientStream:
    """Connect, with TLS where the address says so: with `context`, else with whom we trust.

    Raises LinkBroken, which says why and what to try, at the latest after CONNECT_WITHIN seconds;
    ConfigurationError as `trusted_context`. Cancelled or failed, it leaves no connection behind.
    """
    if endpoint.is_secure and context is None:
        context = trusted_context()
    try:
        with trio.fail_after(CONNECT_WITHIN):
            transport = await _open_transport(endpoint, context)
    except trio.TooSlowError:
        problem = f"cannot reach {endpoint.url}: no connection within {CONNECT_WITHIN:.0f} s"
        raise LinkBroken(problem) from None
    except (OSError, trio.BrokenResourceError) as error:
        raise LinkBroken(describe_failure(error, endpoint)) from error
    return ClientStream(transport)


async def upgrade(
    nursery: trio.Nursery, stream: ClientStream, endpoint: Endpoint, asked: UpgradeRequest
) -> WebSocketConnection:
    """Make a WebSocket of the stream; its reader lives in the nursery.

    Raises LinkBroken for what is no gateway or does not answer within UPGRADE_WITHIN seconds. One
    that refuses ends the nursery with ConnectionRejected, which `explain_refusal` puts in words.
    Cancelled, the stream stays the caller's to close.
    """
    websocket: WebSocketConnection | None = None
    with trio.move_on_after(UPGRADE_WITHIN):
        async with trio.open_nursery() as race:
            race.start_soon(_cancel_when_ended, stream, race.cancel_scope)
            websocket = await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, stream),  # the library takes any stream
                endpoint.authority,
                endpoint.prefix + asked.resource,
                subprotocols=asked.subprotocols,
                extra_headers=list(asked.headers),
                max_message_size=asked.largest_message,
                receive_buffer_size=RECEIVE_SIZE,
            )
            race.cancel_scope.cancel()
    if websocket is not None:
        return websocket
    if not stream.ended.is_set():
        raise LinkBroken(f"{endpoint.url} did not answer within {UPGRADE_WITHIN:.0f} s")
    if await speaks_tls(endpoint):
        raise LinkBroken(suggest_tls(endpoint))
    raise LinkBroken(f"{endpoint.url} hung up on our upgrade; is it a gateway?")


async def explain_refusal(endpoint: Endpoint, status: int, body: bytes | None) -> str:
    """Why this answer came in place of what was asked for, and what to try, in one line.

    Takes at most 2 seconds more. Cancelled, it leaves no connection behind.
    """
    if not is_of_gateway(body) and await speaks_tls(endpoint):
        return suggest_tls(endpoint)
    return describe_refusal(endpoint, status, body)


async def speaks_tls(endpoint: Endpoint) -> bool:
    """Whether TLS is spoken where an http address has led to; takes at most 2 seconds.

    Nothing is said over that connection. Cancelled, it is closed.
    """
    if endpoint.is_secure:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who it is does not matter, only what it speaks
    with trio.move_on_after(_PROBE_WITHIN):
        try:
            transport = await _open_transport(endpoint, context)
        except (OSError, trio.BrokenResourceError):
            return False
        await trio.aclose_forcefully(transport)
        return True
    return False


async def _open_transport(endpoint: Endpoint, context: ssl.SSLContext | None) -> trio.abc.Stream:
    transport = await trio.open_tcp_stream(endpoint.host, endpoint.port)
    if context is None:
        return transport
    secure = trio.SSLStream(
        transport, context, server_hostname=endpoint.host, https_compatible=True
    )
    try:
        await secure.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(transport)
        raise
    return secure


async def _cancel_when_ended(stream: ClientStream, scope: trio.CancelScope) -> None:
    # The library waits for ever for a gateway that hangs up instead of answering.
    await stream.ended.wait()
    scope.cancel()
