"""The pages as browsers have them open: signed in, and following what moves."""

from __future__ import annotations

import http.client
import selectors
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Final, cast
from urllib.parse import urlencode

from attrs import define, field

from bench.errors import BenchError

_PASSWORD: Final = "bench-password"  # noqa: S105  (of a gateway that lives for this measurement)
_TIMEOUT: Final = 30.0  # seconds
_PIECE: Final = 1 << 16


def sign_in(port: int) -> str:
    """The cookie of a session; the first visit sets the password. Raises BenchError."""
    form = urlencode({"password": _PASSWORD, "again": _PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)) as connection:
        for way in ("setup", "login"):
            connection.request("POST", f"/admin/{way}", form, headers)
            answer = connection.getresponse()
            answer.read()
            cookie = answer.getheader("Set-Cookie")
            if answer.status == 303 and cookie is not None:
                return cookie.partition(";")[0]
    raise BenchError(f"nobody can sign in: {answer.status}")


@define(eq=False)
class OpenPages:
    """Pages that are open and live; what comes is read and counted by a thread."""

    received: int = field(default=0, init=False)
    """Bytes that have come in all."""
    ended: int = field(default=0, init=False)
    """Pages that have not stayed open."""
    _is_over: bool = field(default=False, init=False)

    def _read(self, sockets: Sequence[socket.socket]) -> None:
        with selectors.DefaultSelector() as selector:
            for each in sockets:
                selector.register(each, selectors.EVENT_READ)
            while not self._is_over:
                for key, _ in selector.select(0.1):
                    page = cast(socket.socket, key.fileobj)
                    data = page.recv(_PIECE)
                    self.received += len(data)
                    if not data:
                        selector.unregister(page)
                        self.ended += 1

    @contextmanager
    def following(self, sockets: Sequence[socket.socket]) -> Iterator[OpenPages]:
        """Read these for the length of the block."""
        thread = threading.Thread(target=self._read, args=(sockets,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._is_over = True
            thread.join()


@contextmanager
def open_pages(port: int, cookie: str, pages: Sequence[str]) -> Iterator[OpenPages]:
    """Have the live parts of these pages (`overview`, `stream_traces?loss=any`) open for the length
    of the block, half of them in Chinese."""
    with ExitStack() as stack:
        sockets = []
        for number, page in enumerate(pages):
            address = ("127.0.0.1", port)
            opened = stack.enter_context(socket.create_connection(address, timeout=_TIMEOUT))
            language = "zh-CN" if number % 2 else "en"
            opened.sendall(
                f"GET /admin/api/live/{page} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Cookie: {cookie}\r\nAccept-Language: {language}\r\n\r\n".encode()
            )
            sockets.append(opened)
        yield stack.enter_context(OpenPages().following(sockets))
