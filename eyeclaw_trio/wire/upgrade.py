"""The opening handshake of a WebSocket: what is one, and what is left of it afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.request_reader import Request
from eyeclaw_trio.wire.streams import RECEIVE_SIZE

# The request is there already when the library is asked to read it (seconds).
HANDSHAKE_WITHIN: Final = 5.0

_KEY: Final = re.compile(r"[A-Za-z0-9+/]{22}==")


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


async def accept_upgrade(
    nursery: trio.Nursery, stream: FrameStream, *, message_limit: int, subprotocol: str | None
) -> WebSocketConnection | None:
    """Answer the handshake that the stream begins with; the library's tasks live in `nursery`.

    The subprotocol is chosen where it is offered, and no extension ever. None for a handshake
    that only the library finds fault with, and for a peer that is gone. Cancellation leaves half
    a handshake: close the stream.
    """
    with trio.move_on_after(HANDSHAKE_WITHIN):
        request = await wrap_server_stream(
            nursery,
            stream,
            # The library counts characters and the limit is in bytes: it can only be stricter.
            max_message_size=message_limit,
            receive_buffer_size=RECEIVE_SIZE,
        )
        is_offered = subprotocol in request.proposed_subprotocols
        try:
            ws = await request.accept(subprotocol=subprotocol if is_offered else None)
        except ConnectionClosed:
            return None
        forget_handshake(ws)
        return ws
    return None


class _NoHandshake:
    """What is left of an opening handshake that is over."""

    def events(self) -> Iterator[object]:
        return iter(())


_NO_HANDSHAKE: Final = _NoHandshake()


def forget_handshake(ws: WebSocketConnection) -> bool:
    """Let go of what wsproto needed for the opening handshake only, and keeps for ever: an HTTP
    parser and the headers, a tenth of an idle link. Says whether it was found; where not, nothing
    is lost."""
    protocol: Any = getattr(ws, "_wsproto", None)
    if getattr(protocol, "connection", None) is None or not hasattr(protocol, "handshake"):
        return False
    protocol.handshake = _NO_HANDSHAKE
    return True
