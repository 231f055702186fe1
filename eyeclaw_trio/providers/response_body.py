"""A response's body that may be left at any moment, the connection with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import httpx2
import trio
from attrs import define, field

# Seconds that a finished answer is read on for, so that its connection can be used again. Servers
# end the body right behind `[DONE]`, mostly in the same packet. OpenClaw does not for seconds:
# there this is what leaving an answer costs, and its connection is not kept.
DRAIN: Final = 0.02

# Seconds for closing, which waits for nobody: a bound in case that ever changes.
_CLOSE: Final = 1.0


@define
class ResponseBody:
    """Reads one streamed response. One task at a time."""

    response: httpx2.Response
    _pieces: AsyncIterator[bytes] = field(init=False)
    _touched: bool = field(default=False, init=False)

    @_pieces.default
    def _open(self) -> AsyncIterator[bytes]:
        return self.response.aiter_bytes()

    async def read(self) -> bytes | None:
        """The next bytes, None at the end. Cancelled, it closes the connection.

        Raises httpx2.HTTPError when the connection breaks or the body is not well formed.
        """
        self._touched = True
        return await anext(self._pieces, None)

    async def read_all(self, limit: int) -> bytes:
        """All that is left, or what comes until `limit` bytes are passed. Raises and is cancelled
        as `read`."""
        body = bytearray()
        while len(body) <= limit and (piece := await self.read()) is not None:
            body += piece
        return bytes(body)

    async def release(self, *, whole: bool) -> None:
        """Let go of the connection, also under cancellation.

        After a whole answer it goes back to the pool if the body ends within DRAIN; otherwise it
        is closed at once, and the server stops working for nobody.
        """
        with trio.CancelScope(shield=True):
            if whole:
                with trio.move_on_after(DRAIN), suppress(httpx2.HTTPError):
                    while await self.read() is not None:
                        pass
            with trio.move_on_after(_CLOSE):
                await self._close()

    async def _close(self) -> None:
        await self.response.aclose()
        if not self._touched:
            return
        # The client's body is a chain of async generators of which not every one closes the next:
        # one left in the middle is found by the garbage collector, and trio complains. With the
        # connection closed, going to the end costs nothing and finishes all of them.
        with suppress(httpx2.HTTPError):
            while await anext(self._pieces, None) is not None:
                pass
