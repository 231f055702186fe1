"""How the program logs: structlog to stderr, readable on a terminal, one JSON object a line else.

stdout belongs to results and to the ready line. At info there is no question, answer, place, key
or token.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
import structlog


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


def _to_json(event: Mapping[str, Any], **_: object) -> str:
    """As one line of JSON; what JSON has no word for as Python would show it."""
    try:
        return orjson.dumps(event, default=repr).decode()
    except orjson.JSONEncodeError:  # half a character, a number too large: all of it is shown so
        return json.dumps(event, default=repr)


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


def configure_logging(*, level: int = logging.INFO) -> None:
    """Set up structlog for the process; call once, before anything logs."""
    renderer: structlog.typing.Processor
    if sys.stderr.isatty():
        # The default shows the values of local variables too, and with them keys and questions.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        renderer = structlog.processors.JSONRenderer(_to_json)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if sys.stderr.isatty() else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_ForgivingLogger,
        cache_logger_on_first_use=True,
    )
    # Libraries: only what their authors thought worth a warning, and never a traceback of a peer.
    logging.raiseExceptions = False
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("trio-websocket").setLevel(logging.ERROR)
    # It says ten times a second that files have run out: once in words is enough of it each.
    logging.getLogger("trio.serve_listeners").addFilter(_without_traceback)
