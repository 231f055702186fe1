"""The two addresses: their listeners, and how many connections the system has files for."""

from __future__ import annotations

import errno
import ipaddress
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
import trio
from attrs import field, frozen

from eyeclaw_trio.errors import ConfigurationError, EyeclawError
from eyeclaw_trio.settings import HostPort, Settings
from eyeclaw_trio.wire.certificate import Certificate

log = structlog.get_logger(__name__)

# Files that are open beside connections: the database, logs, providers' connections.
SPARE_FILES: Final = 256
# Ports below this one are only for programs with a privilege, unless the system says otherwise.
_FIRST_FREE_PORT: Final = 1024


@frozen
class Listeners:
    """Both addresses, listened on. `certificate` is the public one's, where it has TLS."""

    public: Sequence[trio.SocketListener]
    admin: Sequence[trio.SocketListener]
    certificate: Certificate | None = field(default=None)


@asynccontextmanager
async def open_listeners(settings: Settings) -> AsyncIterator[Listeners]:
    """Listen on both addresses inside the block, with TLS on the public one where a certificate is
    configured.

    Raises EyeclawError that names the address that failed, ConfigurationError for a certificate
    that cannot be used. Whatever was opened is closed, also when cancelled.
    """
    certificate = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        certificate = Certificate(settings.tls_certificate, settings.tls_key)
    opened: list[trio.SocketListener] = []
    try:
        public = await _listen(settings.listen, "--listen")
        opened += public
        admin = await _listen(settings.admin_listen, "--admin-listen")
        opened += admin
        yield Listeners(public, admin, certificate)
    finally:
        for listener in opened:
            listener.socket.close()


async def check_address(address: HostPort, option: str) -> None:
    """Raises EyeclawError, as `open_listeners`, where one could not listen there now. Cancelled or
    not, nothing is listened on when it returns."""
    for listener in await _listen(address, option):
        listener.socket.close()


async def _listen(address: HostPort, option: str) -> list[trio.SocketListener]:
    try:
        listeners = await trio.open_tcp_listeners(address.port, host=address.host)
    except OSError as error:
        raise EyeclawError(explain_refusal(error, address, option)) from error
    if address.port == 0:  # a name's second address would get another port, which nobody is told
        for other in listeners[1:]:
            other.socket.close()
        return listeners[:1]
    return listeners


def explain_refusal(error: OSError, address: HostPort, option: str) -> str:
    """Why one cannot listen there, and what helps; `option` is the one that says where."""
    match error.errno:
        case errno.EADDRINUSE:
            advice = f"stop what is there, or choose another address with {option}"
        case errno.EACCES | errno.EPERM if address.port < _FIRST_FREE_PORT:
            advice = (
                f"ports below {_FIRST_FREE_PORT} need the privilege CAP_NET_BIND_SERVICE: in a "
                "systemd unit `AmbientCapabilities=CAP_NET_BIND_SERVICE`; or put a proxy before "
                f"it, or choose another address with {option}"
            )
        case errno.EADDRNOTAVAIL:
            advice = f"this machine has no such address; choose another one with {option}"
        case _:
            advice = f"choose another address with {option}"
    return f"cannot listen on {address} ({error.strerror or type(error).__name__}): {advice}"


def port_of(listeners: Sequence[trio.SocketListener]) -> int:
    """The port that they listen on, also where the system chose it."""
    return int(listeners[0].socket.getsockname()[1])


def is_on_loopback(listeners: Sequence[trio.SocketListener]) -> bool:
    """Whether nobody but this machine can reach any of them."""
    addresses = (each.socket.getsockname()[0].partition("%")[0] for each in listeners)
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


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
