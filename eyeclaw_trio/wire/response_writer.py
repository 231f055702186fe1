"""Writes what a peer gets over one HTTP/1.1 connection, framed by h11.

Each slice of a response must be taken within `write_timeout` (RELIABILITY 4).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

import h11
import trio

from eyeclaw_trio.errors import HungUp, SlowReader
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.wire.request_reader import RequestReader
from eyeclaw_trio.wire.streams import SLICE, NowaitStream

Headers = Sequence[tuple[str, str]]


@lru_cache(maxsize=64)
def _response(status: int, headers: tuple[tuple[str, str], ...], second: int) -> h11.Response:
    """A head as it was at that second (unix time). Most answers of a second have the same."""
    return h11.Response(
        status_code=status,
        headers=[*headers, ("Date", formatdate(second, usegmt=True))],
        reason=HTTPStatus(status).phrase.encode(),  # older clients expect one
    )


class ResponseWriter:
    """Writes one response after the other; one task at a time.

    `extra_headers` go into every response of the current request (CORS). All writing raises
    HungUp and SlowReader. After a write that was cancelled or failed nothing more is written: it
    may have left half an event, and `is_broken` is true from then on.
    """

    __slots__ = (  # there may be thousands
        "_h11",
        "_reader",
        "_rest",
        "_stream",
        "_write_timeout",
        "extra_headers",
        "has_responded",
        "is_broken",
    )

    def __init__(
        self,
        stream: NowaitStream,
        write_timeout: float,
        h11: h11.Connection,
        reader: RequestReader,
    ) -> None:
        self.has_responded = False
        self.is_broken = False
        self._stream = stream
        self._write_timeout = write_timeout
        self._h11 = h11
        self._reader = reader
        self._rest = b""  # of a write that was begun
        self.start_next_response()

    def start_next_response(self) -> None:
        """Another request is about to come; nothing of the last one says how to answer it."""
        self.extra_headers: Headers = ()
        self.has_responded = False

    async def respond(self, status: int, body: bytes = b"", headers: Headers = ()) -> None:
        """Write a whole response, as one. A cancelled write is the last."""
        length = () if status in (204, 304) else (("Content-Length", str(len(body))),)
        head = self._make_head(status, (*headers, *length))
        data = [h11.Data(data=body)] if body and self._reader.wants_body else []
        await self._send(head, *data, h11.EndOfMessage())

    async def respond_json(self, status: int, value: object, headers: Headers = ()) -> None:
        """Write a JSON response; raises and is cancelled as `respond`."""
        await self.respond(status, encode(value), (("Content-Type", "application/json"), *headers))

    async def allow_body(self) -> None:
        """Tell a client that waits for it that its body is wanted (100 Continue); cancelled as
        `respond`."""
        await self._send(h11.InformationalResponse(status_code=100, headers=[]))

    async def start_stream(self, headers: Headers, data: bytes, *, ends: bool = False) -> None:
        """Begin a 200 response of unknown length with its first piece, as one write.

        `write` and `end_stream` follow, unless it ends here. A cancelled write is the last.
        """
        end = [h11.EndOfMessage()] if ends else []
        await self._send(self._make_head(200, headers), h11.Data(data=data), *end)

    async def write(self, data: bytes) -> None:
        """Write a piece of the stream. A cancelled write is the last."""
        await self._send(h11.Data(data=data))

    def write_nowait(self, data: bytes) -> bool:
        """Write a piece of the stream, or what of it the system takes now; false where a rest is
        left, which `drain` writes before anything else is written. Raises HungUp."""
        return self._send_nowait(h11.Data(data=data))

    async def drain(self) -> None:
        """Write the rest of a piece, in slices; each must be taken within `write_timeout`.

        Raises HungUp and SlowReader. A write that does not get through, because it was cancelled
        or for whatever reason, may have left half an event: the connection is then broken for good.
        """
        rest, self._rest = memoryview(self._rest), b""
        if self.is_broken and not rest:
            raise HungUp  # what there was is lost
        for start in range(0, len(rest), SLICE):
            with trio.move_on_after(self._write_timeout) as progress:
                try:
                    await self._stream.send_all(rest[start : start + SLICE])
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    raise HungUp from None
            if progress.cancelled_caught:
                raise SlowReader
        self.is_broken = False

    async def end_stream(self, data: bytes) -> None:
        """Write the last piece and the end of the response, as one. A cancelled write is the last.

        A reader that leaves as soon as it has seen the last piece has then had all of it.
        """
        await self._send(h11.Data(data=data), h11.EndOfMessage())

    # ---- inside ---------------------------------------------------------------------------------

    def _make_head(self, status: int, headers: Iterable[tuple[str, str]]) -> h11.Response:
        self.has_responded = True
        if status >= 400 and not self._reader.has_read_all():
            # Nobody will read the rest of this request, so nothing may follow it.
            headers = (*headers, ("Connection", "close"))
        return _response(status, (*headers, *self.extra_headers), int(time.time()))

    async def _send(self, *events: h11.Event) -> None:
        if not self._send_nowait(*events):
            await self.drain()

    def _send_nowait(self, *events: h11.Event) -> bool:
        if self.is_broken:
            raise HungUp
        data = b"".join([self._h11.send(event) or b"" for event in events])
        if not data:
            return True
        self.is_broken = True  # until all of it is written
        try:
            written = self._stream.write_nowait(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise HungUp from None
        if written < len(data):
            self._rest = data[written:]
            return False
        self.is_broken = False
        return True
