"""The platform's callback by script, in the process of the test: the judge of what is pushed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import h11
import trio
from attrs import define, field, frozen

ACCOUNT_KEY: Final = "account-key-of-the-tests"
TAKEN: Final = {"code": 1, "msg": "ok", "data": {"success": True}}


@frozen
class Verdict:
    """What it says to one push; a status of 0 is silence, and -1 a connection that breaks."""

    status: int = 200
    body: object = field(factory=lambda: TAKEN)

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


SILENCE: Final = Verdict(0)
BREAK: Final = Verdict(-1)


@define(eq=False)
class Callback:
    """What it was sent, and what it says next; when the script is over, it takes everything."""

    script: list[Verdict] = field(factory=list)
    port: int = 0
    pushes: list[dict[str, Any]] = field(factory=list)
    keys: list[str] = field(factory=list)
    _changed: trio.Event = field(factory=trio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metis/callback/message"

    @property
    def contents(self) -> list[str]:
        return [push["message"]["content"] for push in self.pushes]

    async def wait_for(self, count: int, *, seconds: float = 15.0) -> None:
        """Wait until it was sent so many."""
        await self.wait_until(lambda: len(self.pushes) >= count, seconds=seconds)

    async def wait_until(self, holds: Callable[[], bool], *, seconds: float = 15.0) -> None:
        with trio.fail_after(seconds):
            while not holds():
                await self._changed.wait()

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, push after push."""
        async with stream:
            connection = h11.Connection(h11.SERVER)
            body = b""
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    try:
                        connection.receive_data(bytes(await stream.receive_some()))
                    except trio.BrokenResourceError:
                        return
                elif isinstance(event, h11.Request):
                    assert (event.method, event.target) == (b"POST", b"/metis/callback/message")
                    headers = {bytes(k).decode(): bytes(v).decode() for k, v in event.headers}
                    assert headers["content-type"] == "application/json"
                    self.keys.append(headers["authorization"])
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    if not await self._answer(body, connection, stream):
                        return
                    body = b""
                    connection.start_next_cycle()
                else:
                    return

    async def _answer(
        self, body: bytes, connection: h11.Connection, stream: trio.SocketStream
    ) -> bool:
        self.pushes.append(json.loads(body))
        verdict = self.script.pop(0) if self.script else Verdict()
        self._changed.set()
        self._changed = trio.Event()
        if verdict.status == 0:
            await trio.sleep_forever()
        if verdict.status < 0:
            return False
        length = ("Content-Length", str(len(verdict.data)))
        head = connection.send(h11.Response(status_code=verdict.status, headers=[length])) or b""
        data = connection.send(h11.Data(data=verdict.data)) or b""
        await stream.send_all(head + data + (connection.send(h11.EndOfMessage()) or b""))
        return True


@asynccontextmanager
async def open_callback(*script: Verdict) -> AsyncIterator[Callback]:
    """A callback server on a port of this machine for the length of the block."""
    callback = Callback(list(script))
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    callback.port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, callback.serve, listeners)
        yield callback
        nursery.cancel_scope.cancel()
