"""How the program logs: structlog to stderr, readable on a terminal, one JSON object a line else.

stdout belongs to results and to the ready line. At info there is no question, answer, place, key
or token.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo

from eyeclaw_trio.protocol.harmless import harmless, harmless_json, harmless_line

_OF_MANY_LINES: Final = frozenset({"exception", "stack"})


class _ForgivingLogger:
    """Writes lines to stderr, and does without them where that cannot be written.

    A full disk under the log, or a reader of it that has gone, is no reason to end an answer.
    """

    def __init__(self, *_: object) -> None:
        self._stream = sys.stderr

    def msg(self, line: str) -> None:
        """Write one line, if that is possible."""
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    log = debug = info = warning = error = critical = exception = msg


def _without_harm(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What others said must not command the terminal; `exception` and `stack` keep their lines."""
    return {
        name: (harmless(value) if name in _OF_MANY_LINES else harmless_line(value))
        if isinstance(value, str)
        else value
        for name, value in event.items()
    }


def _to_json(event: Mapping[str, Any], **_: object) -> str:
    return harmless_json(event, repr)


def _show_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    # Without the values of local variables, which hold keys and questions.
    lines = io.StringIO()
    structlog.dev.plain_traceback(lines, exc_info)
    stream.write(harmless(lines.getvalue()))


class _HarmlessFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record))


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


def configure_logging(*, level: int = logging.INFO) -> None:
    """Set up structlog for the process; call once, before anything logs."""
    renderer: structlog.typing.Processor
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=_show_traceback)
    else:
        renderer = structlog.processors.JSONRenderer(_to_json)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if sys.stderr.isatty() else [structlog.processors.format_exc_info]),
            _without_harm,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_ForgivingLogger,
        cache_logger_on_first_use=True,
    )
    # Libraries: only what their authors thought worth a warning, and never a traceback of a peer.
    logging.raiseExceptions = False
    handler = logging.StreamHandler()
    handler.setFormatter(_HarmlessFormatter("%(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("trio-websocket").setLevel(logging.ERROR)
    # It says ten times a second that files have run out: once in words is enough of it each.
    logging.getLogger("trio.serve_listeners").addFilter(_without_traceback)
