"""Does something before a certain step of whichever task, so that a test can do it before each;
and a reader who can tell what he believes of an answer that was cut off."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import pytest
import trio
import trio.testing
from attrs import define
from fakes import KEY, question

LAST_CHUNK: Final = b"\r\n0\r\n\r\n"


def run_without_a_wait(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end what waits for nothing, where nothing can be waited for."""
    with pytest.raises(StopIteration):
        work.send(None)


@define(eq=False)
class CutAt(trio.abc.Instrument):
    """Calls `cut` before the step of this number, counted since it was added to the loop."""

    number: int
    cut: Callable[[], None]
    steps: int = 0
    failure: Exception | None = None

    @property
    def has_cut(self) -> bool:
        return self.steps >= self.number

    def before_task_step(self, _: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == self.number:
            try:
                self.cut()
            except Exception as error:  # trio would only log it
                self.failure = error


class Halting(trio.abc.Stream):
    """A stream that writes each piece in two halves, with a pass of the loop in between."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.written = b""
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        half = len(data) // 2
        for part in (bytes(data[:half]), bytes(data[half:])):
            await self._stream.send_all(part)
            self.written += part

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


class Reader:
    """Glasses that ask this, read until the response is whole, or broken off, and hang up then.

    Their line halts in the middle of each write, or it is a socket that is written without a wait
    and read by a poller.
    """

    def __init__(self, asked: str, *, has_socket: bool = False) -> None:
        self.raw = b""
        self.theirs: trio.abc.Stream
        self._stream: trio.abc.Stream
        self._halting: Halting | None = None
        if has_socket:
            ends = map(trio.socket.from_stdlib_socket, socket.socketpair())
            self._stream, self.theirs = map(trio.SocketStream, ends)
        else:
            self._stream, theirs = trio.testing.memory_stream_pair()
            self.theirs = self._halting = Halting(theirs)
        body = json.dumps(question(asked)).encode()
        self._request = (
            f"POST /sse/rokid HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def hang_up(self) -> None:
        if isinstance(self._stream, trio.SocketStream):
            self._stream.socket.close()
        elif isinstance(self._stream, trio.StapledStream):
            self._stream.send_stream.close()
            self._stream.receive_stream.close()

    def may_have(self, text: str) -> bool:
        """Whether this was written, as far as that can be seen."""
        return self._halting is None or text.encode() in self._halting.written

    async def ask(self) -> None:
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            await self._stream.send_all(self._request)

    async def read(self) -> None:
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            while not self.is_whole and not self.raw.startswith(b"HTTP/1.1 401"):
                data = await self._stream.receive_some()
                if not data:
                    break
                self.raw += data
        self.hang_up()

    @property
    def is_whole(self) -> bool:
        return self.raw.endswith(LAST_CHUNK)

    def body(self) -> str:
        """What of the body is there, without what of a chunk is not; nothing of a refusal's."""
        head, _, rest = self.raw.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            return ""
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size or b"0", 16)
            body += rest[:length]
            rest = rest[length + 2 :]
        return body.decode("utf-8", "ignore")

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Those that a client believes: behind each is a blank line."""
        blocks = self.body().split("\n\n")[:-1]
        named = [block.split("\n") for block in blocks if not block.startswith(":")]
        return [
            (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
            for name, data in named
        ]
