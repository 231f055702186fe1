"""The stream below a connector's WebSocket: when something was last heard, and writing together.

trio-websocket speaks the protocol on top of it. It does not tell when the gateway was last heard
of, does not return from a handshake that the peer has hung up on, and writes each frame by itself.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from eyeclaw_trio.errors import LinkBroken
from eyeclaw_trio.wire.gateway_address import GatewayAddress


class LinkStream(trio.abc.Stream):
    """A transport that is watched. `heard_at` is in monotonic seconds."""

    def __init__(self, transport: trio.abc.Stream) -> None:
        self.heard_at = trio.current_time()
        self.ended = trio.Event()
        """Nothing more will be heard."""
        self._transport = transport
        self._lock = trio.StrictFIFOLock()
        self._held: list[bytes] | None = None

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
        """Write what was held. Raises as the transport; a cancelled write ends the link."""
        held, self._held = self._held, None
        if held:
            await self._write(b"".join(held))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the transport, but callers take turns."""
        if self._held is not None:
            self._held.append(bytes(data))
            await trio.lowlevel.checkpoint()
        else:
            await self._write(data)

    async def _write(self, data: bytes | bytearray | memoryview) -> None:
        async with self._lock:
            await self._transport.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the transport."""
        await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As the transport."""
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

    async def aclose(self) -> None:
        """End the connection, without a goodbye of TLS that a dead peer would make us wait for."""
        self.ended.set()
        await trio.aclose_forcefully(self._transport)


async def open_link_stream(address: GatewayAddress) -> LinkStream:
    """Connect to the gateway, with TLS where its address says so. Raises LinkBroken."""
    try:
        transport = await trio.open_tcp_stream(address.host, address.port)
    except OSError as error:
        raise LinkBroken(f"cannot connect: {_innermost(error)}") from error
    if not address.is_secure:
        return LinkStream(transport)
    try:
        context = ssl.create_default_context()
        secure = trio.SSLStream(
            transport, context, server_hostname=address.host, https_compatible=True
        )
        await secure.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(transport)
        raise LinkBroken(f"no TLS with this gateway: {error.__cause__ or error}") from error
    except BaseException:
        await trio.aclose_forcefully(transport)
        raise
    return LinkStream(secure)


def _innermost(error: BaseException) -> BaseException:
    """trio hides why an attempt failed in a group behind "all attempts failed"."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif isinstance(error.__cause__, OSError | BaseExceptionGroup):
            error = error.__cause__
        else:
            return error
