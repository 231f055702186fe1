"""From exceptions to one line on stderr and an exit status."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import click

from eyeclaw_trio.causes import leaves
from eyeclaw_trio.errors import ConfigurationError, EyeclawError
from eyeclaw_trio.protocol.harmless import harmless_line

# What a shell says of a program that Ctrl-C has ended: 128 + SIGINT.
INTERRUPTED = 130
# EX_CONFIG of sysexits.h, and of systemd's RestartPreventExitStatus.
WRONG_SETTINGS = 78


class WrongSettings(click.ClickException):
    """Said to a service manager: to try the same again is of no use."""

    exit_code = WRONG_SETTINGS

    def __init__(self, error: ConfigurationError) -> None:
        super().__init__(harmless_line(str(error)))


@contextmanager
def explained() -> Iterator[None]:
    """Turn what users can mend into status 1 with one line, Ctrl-C into 130.

    Whatever else comes out is a bug of ours, and keeps its traceback.
    """
    try:
        yield
    except (KeyboardInterrupt, Exception, BaseExceptionGroup) as error:
        causes = list(leaves(error))
        # What click asks for on a terminal, it gives up by an exception of its own.
        asked = [each.__context__ for each in causes if isinstance(each, click.Abort)]
        if any(isinstance(cause, KeyboardInterrupt) for cause in (*causes, *asked)):
            raise click.exceptions.Exit(INTERRUPTED) from None
        if causes and all(_is_unread(cause) for cause in causes):
            raise causes[0] from None  # click knows it, by itself only: a nursery has wrapped it
        lines = [_describe(cause) for cause in causes]
        if None in lines or not lines:
            raise
        raise click.ClickException(harmless_line(str(lines[0]))) from None


def _describe(error: BaseException) -> str | None:
    match error:
        case EyeclawError():
            return str(error)
        case OSError() if _is_unread(error):
            return None
        case OSError(strerror=str(why), filename=None):
            return why
        case OSError(strerror=str(why), filename=file):
            return f"{file}: {why}"
        case _:
            return None


def _is_unread(error: BaseException) -> bool:
    """Whether the reader of a pipe has gone: `eyeclaw chat --json | head`."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE
