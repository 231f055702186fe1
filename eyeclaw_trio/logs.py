"""How the program logs: structlog to stderr, readable on a terminal, one JSON object a line else.

stdout belongs to results and to the ready line. At info there is no question, answer, place, key
or token.
"""

from __future__ import annotations

import io
import logging
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any, Final, TextIO

import structlog
from attrs import define, field, frozen
from structlog.typing import EventDict, ExcInfo

from eyeclaw_trio.protocol.harmless import harmless, harmless_json, harmless_line

_OF_MANY_LINES: Final = frozenset({"exception", "stack"})
# What is kept in memory of the log: lines, and characters of each.
KEPT_LINES: Final = 1_000
LONGEST_KEPT: Final = 4_000


@frozen
class LogLine:
    """One line of the log as it is kept: `number` counts from 1, `at` is ISO 8601 in UTC, `values`
    is what the event says, as JSON, cut where it is very long."""

    number: int
    at: str
    level: str
    event: str
    values: str


@define(eq=False)
class RecentLines:
    """The last lines of the log: at most KEPT_LINES of LONGEST_KEPT characters, 4 MB in all.

    To keep one costs a few microseconds. Any thread may add; the deque is as safe as the log.
    """

    _lines: deque[LogLine] = field(factory=lambda: deque(maxlen=KEPT_LINES))
    _numbers: Iterator[int] = field(factory=lambda: count(1))

    def add(self, at: str, level: str, event: str, values: str) -> None:
        """Keep one more, in place of the oldest."""
        cut = values if len(values) <= LONGEST_KEPT else values[:LONGEST_KEPT] + "…"
        self._lines.append(LogLine(next(self._numbers), at, level, event[:LONGEST_KEPT], cut))

    def newest(self, most: int = KEPT_LINES, *, before: int | None = None) -> Iterator[LogLine]:
        """The newest lines, the newest first; with `before` only those before this number."""
        lines = reversed(tuple(self._lines))
        return islice((each for each in lines if before is None or each.number < before), most)

    def keep(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """A processor of structlog, for events that have become harmless."""
        said = dict(event)
        if "exc_info" in said:
            said = dict(structlog.processors.format_exc_info(None, "", said))
        at, level, name = (str(said.pop(each, "")) for each in ("timestamp", "level", "event"))
        self.add(at, level, name, harmless_json(said, repr) if said else "")
        return event


@define(eq=False)
class _KeepingHandler(logging.Handler):
    """Keeps what libraries say."""

    recent: RecentLines

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        said = {"said": harmless_line(record.getMessage())}
        self.recent.add(at, record.levelname.lower(), record.name, harmless_json(said, repr))


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


def configure_logging(*, level: int = logging.INFO, recent: RecentLines | None = None) -> None:
    """Set up structlog for the process; call once, before anything logs. What is logged is kept in
    `recent` too."""
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
            *([] if recent is None else [recent.keep]),
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
    handlers = [handler] if recent is None else [handler, _KeepingHandler(recent)]
    logging.basicConfig(level=logging.WARNING, handlers=handlers)
    logging.getLogger("trio-websocket").setLevel(logging.ERROR)
    # It says ten times a second that files have run out: once in words is enough of it each.
    logging.getLogger("trio.serve_listeners").addFilter(_without_traceback)
