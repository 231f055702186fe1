"""The raw answer of a tried bot, on its way to a page: as it comes, or as a whole."""

from __future__ import annotations

from attrs import define, field, frozen
from starlette.types import Receive, Scope, Send

from eyeclaw_trio.admin.workshop import ReadyTurn

# Of which trace the answer is.
TRACE_HEADER = "eyeclaw-trace"


@frozen
class AnswerStream:
    """An ASGI application that asks, and sends what glasses would get, byte for byte."""

    turn: ReadyTurn

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Ask, and send until the answer ends or the page has gone. Cancellation ends the turn and
        leaves the answer without an end."""
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"x-accel-buffering", b"no"),
            (TRACE_HEADER.encode(), self.turn.trace_id.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        view = _StreamingView(receive, send)
        await self.turn.relay(view)
        if not view.has_ended:  # cut off: what glasses would see as a broken connection
            await send({"type": "http.response.body", "body": b""})


@define(eq=False)
class _StreamingView:
    _receive: Receive
    _send: Send
    has_ended: bool = False

    async def send(self, data: bytes, *, ends: bool) -> None:
        self.has_ended = ends
        await self._send({"type": "http.response.body", "body": data, "more_body": not ends})

    async def wait_until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


@define(eq=False)
class WholeAnswer:
    """An `AnswerView` that keeps it all, for browsers without scripts."""

    _pieces: list[bytes] = field(factory=list)
    _receive: Receive | None = None

    @property
    def raw(self) -> str:
        """All that glasses would have got."""
        return b"".join(self._pieces).decode("utf-8", "replace")

    async def send(self, data: bytes, *, ends: bool) -> None:  # noqa: ARG002  (as it ends, it ends)
        """Keep it. Never waits."""
        self._pieces.append(data)

    async def wait_until_gone(self) -> None:
        """Return when the browser has gone. Cancellation changes nothing."""
        while self._receive is not None and (await self._receive())["type"] != "http.disconnect":
            pass
