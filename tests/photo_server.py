"""A server of photos on a port of this machine, good ones and hostile ones, by their paths.

What is at /second is not there yet when it is asked for first, for whoever that is.
In a test: `async with open_photo_server(photos) as server: ... server.url("/a.jpg")`.
It is independent of what it judges: h11 and trio, nothing of ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import h11
import trio
from attrs import define, field

_ALMOST: Final = 9_999_999
_SMALL: Final = b"\xff\xd8\xff" + b"x" * 61


@define
class PhotoServer:
    """`photos` are bodies by path. `sent` counts the bytes of bodies, `asked` the requests."""

    photos: Mapping[str, bytes]
    port: int = 0
    sent: int = 0
    asked: list[str] = field(factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            with suppress(trio.BrokenResourceError, h11.RemoteProtocolError):
                await self._answer(stream)

    async def _answer(self, stream: trio.SocketStream) -> None:
        http = h11.Connection(h11.SERVER)
        while isinstance(event := http.next_event(), type(h11.NEED_DATA)):
            data = await stream.receive_some()
            if not data:
                return
            http.receive_data(bytes(data))
        assert isinstance(event, h11.Request)
        path = event.target.decode()
        self.asked.append(path)
        match path:
            case "/5gb":
                await self._send(stream, "Content-Length: 5368709120", b"x" * 65_536, 0.0)
            case "/almost":
                await self._send_almost(stream, f"Content-Length: {_ALMOST + 1}")
            case "/almost-unsaid":
                await self._send_almost(stream, "Connection: close")
            case "/endless":
                await self._send(stream, "Connection: close", b"x" * 65_536, 0.0)
            case "/slow":
                await self._send(stream, "Content-Length: 100000", b"x", 1.0)
            case "/silent":
                await trio.sleep_forever()
            case "/inside":
                await stream.send_all(
                    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\n"
                    b"Content-Length: 0\r\n\r\n"
                )
            case "/html":
                await stream.send_all(_whole(b"<html>", "text/html"))
            case "/svg":
                await stream.send_all(_whole(b"<svg/>", "image/svg+xml"))
            case "/svg-as-png":
                await stream.send_all(_whole(b"<svg xmlns='x'/>", "image/png"))
            case "/broken":
                await stream.send_all(_whole(_SMALL, "image/jpeg"))
            case "/second" if self.asked.count(path) == 1:
                await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            case _ if path in self.photos:
                await stream.send_all(_whole(self.photos[path], "application/octet-stream"))
            case _:
                await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async def _send_almost(self, stream: trio.SocketStream, header: str) -> None:
        """All but the last byte of a large photo."""
        await stream.send_all(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n".encode() + b"x" * _ALMOST)
        await trio.sleep_forever()

    async def _send(
        self, stream: trio.SocketStream, header: str, piece: bytes, every: float
    ) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n{header}\r\n\r\n"
        await stream.send_all(head.encode())
        while True:
            await stream.send_all(piece)
            self.sent += len(piece)
            await trio.sleep(every)


def _whole(body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def open_photo_server(photos: Mapping[str, bytes]) -> AsyncIterator[PhotoServer]:
    """Serve these until the block is left."""
    server = PhotoServer(photos)
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, server.serve, [listener])
        yield server
        nursery.cancel_scope.cancel()
