"""Server-sent events as a client reads them: bytes in, events out.

Pure. What belongs here is the framing of WHATWG HTML, "Interpreting an event stream", and nothing
of what the events say: `completions` reads a model's events, `sse` writes the glasses' ones.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import define, field, frozen

from eyeclaw_trio.errors import BadMessage

# One event of a model is a few hundred bytes. 1 MiB leaves room for an answer sent in one go and
# still bounds what a sender without line ends can make us hold.
DEFAULT_LIMIT: Final = 1024 * 1024

_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


@frozen
class ServerSentEvent:
    """One event. `id` is the stream's last one, None while it has not named any."""

    event: str
    data: str
    id: str | None = None


@define
class EventStreamReader:
    """Reads one stream, in pieces cut anywhere.

    Lines may end in CR, LF or CRLF, also mixed; text that is not UTF-8 becomes U+FFFD, as the
    standard says. `limit` (bytes) bounds one event together with the line that is still open.
    """

    limit: int = DEFAULT_LIMIT
    _line: list[bytes] = field(factory=list, init=False)  # the open line, as it came
    _line_size: int = field(default=0, init=False)
    _after_cr: bool = field(default=False, init=False)
    _first_line: bool = field(default=True, init=False)
    _name: str = field(default="", init=False)
    _data: list[str] = field(factory=list, init=False)
    _data_size: int = field(default=0, init=False)
    _id: str | None = field(default=None, init=False)

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take the next piece and return the events that it completes.

        Raises BadMessage when an event grows over the limit; the reader is of no use after that.
        """
        if not data:
            return []
        if self._after_cr:
            # A CR ended its line at once, so that no event waits for the next piece; if that was
            # only half of a CRLF, its other half comes now.
            self._after_cr = False
            data = data.removeprefix(b"\n")
        events: list[ServerSentEvent] = []
        start = 0
        for end in _LINE_END.finditer(data):
            self._keep(data[start : end.start()])
            start = end.end()
            event = self._end_line()
            if event is not None:
                events.append(event)
        self._keep(data[start:])
        self._after_cr = data.endswith(b"\r")
        return events

    def finish(self) -> ServerSentEvent | None:
        """At the stream's end: the event that lacks only its blank line, or None.

        The standard drops it. Senders that forget the last blank line are common enough that the
        caller may decide.
        """
        if self._line:
            self._end_line()
        return self._end_event()

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._line.append(piece)
        self._line_size += len(piece)
        if self._data_size + self._line_size > self.limit:
            raise BadMessage({"": f"an event of more than {self.limit} bytes"})

    def _end_line(self) -> ServerSentEvent | None:
        line = b"".join(self._line)
        self._line.clear()
        self._line_size = 0
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._end_event()
        if line.startswith(b":"):
            return None  # a comment: a sign of life
        name, _, value = line.partition(b":")
        self._set_field(name, value.removeprefix(b" ").decode("utf-8", "replace"))
        return None

    def _set_field(self, name: bytes, value: str) -> None:
        match name:
            case b"data":
                self._data.append(value)
                self._data_size += len(value.encode()) + 1
            case b"event":
                self._name = value
            case b"id" if "\0" not in value:
                self._id = value
            case _:
                pass  # `retry`, and what the standard does not know: ignored

    def _end_event(self) -> ServerSentEvent | None:
        name, lines = self._name, self._data
        self._name, self._data, self._data_size = "", [], 0
        if not lines:
            return None
        return ServerSentEvent(name or "message", "\n".join(lines), self._id)
