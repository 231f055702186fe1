"""What makes a socket one of `/cable`: its subprotocol, its pings, and its goodbye (PROTOCOL 2)."""

from __future__ import annotations

from collections.abc import Callable

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.protocol.cable import (
    SUBPROTOCOL,
    DisconnectReason,
    encode_disconnect,
    encode_ping,
)
from eyeclaw_trio.wire.services import Services
from eyeclaw_trio.wire.socket_kind import SocketKind
from eyeclaw_trio.wire.websocket import NORMAL, ServerSocket


def cable_kind(
    services: Services, limits: Limits, unix_seconds: Callable[[], int], *, has_shortcut: bool
) -> SocketKind:
    """The sockets of bots and workers. `unix_seconds` never goes back."""
    return SocketKind(
        services,
        message_limit=limits.cable_message,
        has_shortcut=has_shortcut,
        subprotocol=SUBPROTOCOL,
        say_beat=lambda: encode_ping(unix_seconds()),
        too_many_words=encode_disconnect("invalid_request", reconnect=False),
    )


def say_disconnect(socket: ServerSocket, reason: DisconnectReason, *, reconnect: bool) -> None:
    """Say `disconnect` behind all that waits in the outbox, then close."""
    socket.enqueue([encode_disconnect(reason, reconnect=reconnect)])
    socket.close(NORMAL)
