"""From exceptions to one line on stderr and an exit status."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import click

from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.settings.kinds import HostPort

# What a shell says of a program that Ctrl-C has ended: 128 + SIGINT.
INTERRUPTED = 130


@contextmanager
def explained() -> Iterator[None]:
    """Turn what users can mend into status 1 with one line, Ctrl-C into 130.

    Whatever else comes out is a bug of ours, and keeps its traceback.
    """
    try:
        yield
    except (KeyboardInterrupt, Exception, BaseExceptionGroup) as error:
        causes = find_causes(error)
        if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
            raise click.exceptions.Exit(INTERRUPTED) from None
        lines = [_describe(cause) for cause in causes]
        if None in lines or not lines:
            raise
        raise click.ClickException(" ".join(str(lines[0]).split())) from None


@contextmanager
def explained_addresses(settings: Settings) -> Iterator[None]:
    """Name the address that a gateway could not listen on."""
    try:
        yield
    except (OSError, BaseExceptionGroup) as error:
        causes = [cause for cause in find_causes(error) if isinstance(cause, OSError)]
        for cause in causes:
            for option, address in (
                ("--listen", settings.listen),
                ("--admin-listen", settings.admin_listen),
            ):
                if _is_about_listening(cause) and (why := _try(address)):
                    raise EyeclawError(
                        f"cannot listen on {address} ({why}): stop what is there, "
                        f"or choose another address with {option}"
                    ) from error
        raise


def find_causes(error: BaseException) -> list[BaseException]:
    """What a group holds, at any depth; of another exception itself."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [cause for inner in error.exceptions for cause in find_causes(inner)]


def _describe(error: BaseException) -> str | None:
    match error:
        case EyeclawError():
            return str(error)
        case OSError(errno=errno.EPIPE):
            return None  # click's own: the reader of a pipe has gone
        case OSError(strerror=str(why), filename=None):
            return why
        case OSError(strerror=str(why), filename=file):
            return f"{file}: {why}"
        case _:
            return None


def _is_about_listening(error: OSError) -> bool:
    known = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
    return isinstance(error, socket.gaierror) or error.errno in known


def _try(address: HostPort) -> str | None:
    """Why one cannot listen there, or None; the error itself does not say which address it was."""
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, place in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
                probe.listen(1)
    except OSError as error:
        return error.strerror or type(error).__name__
    return None
