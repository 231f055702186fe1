"""One HTTP/1.1 connection of a peer: one request and its response after the other.

h11 says what the bytes mean; `request_reader` reads them and `response_writer` writes them. Here
is what lies between two requests, and how a connection ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import h11
import trio

from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.wire.newcomers import Newcomer
from eyeclaw_trio.wire.request_reader import (
    HEAD_LIMIT,
    ConnectionTerms,
    Request,
    RequestReader,
)
from eyeclaw_trio.wire.response_writer import ResponseWriter
from eyeclaw_trio.wire.streams import RECEIVE_SIZE, NowaitStream, ReplayedStream

# How much of a refused request is read and thrown away, so that its sender gets to read why.
LINGER_SIZE: Final = 8 * 1_048_576
LINGER_SECONDS: Final = 2.0


class HttpConnection:
    """Requests and responses over one stream, of whose first request `begun` was read already."""

    __slots__ = ("_h11", "_stream", "newcomer", "path", "reader", "writer")

    def __init__(
        self,
        stream: NowaitStream,
        terms: ConnectionTerms,
        newcomer: Newcomer,
        begun: bytes = b"",
    ) -> None:
        self.newcomer = newcomer
        self.path = ""
        """Of the current request; empty while it is not known. Of one whose head cannot be read it
        is what its first line says, where that came."""
        self._stream = stream
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        if begun:
            self._h11.receive_data(begun)
        self.reader = RequestReader(stream, terms, self._h11)
        self.writer = ResponseWriter(stream, terms.write_timeout, self._h11, self.reader)

    async def receive_request(self) -> Request | None:
        """As `RequestReader.receive_request`, also when it is cancelled. Raises RequestRefused."""
        try:
            request = await self.reader.receive_request(self.newcomer)
        except RequestRefused:
            self.path = self.reader.guess_path()
            raise
        if request is not None:
            self.path = request.path
        return request

    async def receive_body(self, limit: int, take: Callable[[int], bool]) -> bytes:
        """As `RequestReader.receive_body`, also when it is cancelled; what will be made of it is
        admitted then. A client that waits for 100 Continue gets it. Raises ReaderGone where that
        cannot be written."""
        if self._h11.they_are_waiting_for_100_continue:
            await self.writer.allow_body()
        body = await self.reader.receive_body(limit, take)
        await self.newcomer.admission()
        return body

    def give_back(self) -> ReplayedStream:
        """The stream with the current request's bytes put back, for a WebSocket upgrade: no HTTP
        on this connection any more."""
        return self.reader.give_back()

    def start_next_request(self) -> bool:
        """Get ready for the next request; false when this connection has to end."""
        if self.writer.is_broken or self._h11.our_state is not h11.DONE:
            return False
        if not self.reader.has_read_all() or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        self.path = ""
        self.reader.start_next_request()
        self.writer.start_next_response()
        return True

    async def linger(self) -> None:
        """Let a peer that is still sending read the response, before the connection ends.

        Closing with unread bytes would reset it and the response might be lost. Bounded in bytes
        and time; cancellation ends it early.
        """
        writer = self.writer
        if writer.is_broken or not writer.has_responded or self.reader.has_read_all():
            return
        with trio.move_on_after(LINGER_SECONDS):
            try:
                await self._stream.send_eof()
                size = 0
                while size < LINGER_SIZE:
                    data = await self._stream.receive_admitted(
                        RECEIVE_SIZE, self.newcomer.admission
                    )
                    if not data:
                        return
                    size += len(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
