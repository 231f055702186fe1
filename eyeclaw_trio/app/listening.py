"""The public address: its listeners, TLS, and how many connections the system has files for."""

from __future__ import annotations

import resource
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings import Settings

log = structlog.get_logger(__name__)

# Files that are open beside connections: the database, logs, providers' connections.
SPARE_FILES: Final = 256


async def serve_public(
    handler: Callable[[trio.abc.Stream], Awaitable[None]],
    listeners: list[trio.abc.Listener[trio.abc.Stream]],
    *,
    task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve these listeners until cancelled; started when they accept."""
    await trio.serve_listeners(handler, listeners, task_status=task_status)


async def open_listeners(settings: Settings) -> list[trio.abc.Listener[trio.abc.Stream]]:
    """Listen on the public address, with TLS where a certificate is configured."""
    tcp = await trio.open_tcp_listeners(settings.listen.port, host=settings.listen.host)
    if settings.tls_certificate is None:
        return list(tcp)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "reason", None) or "unreadable"
        raise ConfigurationError(
            f"certificate and key cannot be used ({why})", key="tls_certificate"
        ) from None
    return [trio.SSLListener(listener, context, https_compatible=True) for listener in tcp]


def port_of(listener: trio.abc.Listener[trio.abc.Stream]) -> int:
    """The port that it listens on, also where the system chose it."""
    while isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    if not isinstance(listener, trio.SocketListener):
        raise TypeError("only sockets have ports")
    return int(listener.socket.getsockname()[1])


def allow_connections(wanted: int) -> int:
    """How many connections can be open at once: as many as wanted, or as the system has files
    for. Raises ConfigurationError where that is none (RELIABILITY 19)."""
    files = wanted + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return wanted
    if hard == resource.RLIM_INFINITY or hard >= files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    allowed = hard - SPARE_FILES
    if allowed <= 0:
        raise ConfigurationError(
            f"this system allows {hard} open files; {files} are needed for {wanted} connections",
            key="limits.connections",
        )
    log.warning("gateway.file_limit", files=hard, connections=allowed, wanted=wanted)
    return allowed
