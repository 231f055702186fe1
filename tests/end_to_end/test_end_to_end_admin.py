"""The admin listener on real sockets: a peer's fault is its connection's, and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
import structlog
import structlog.testing
import trio
from attrs import frozen
from fakes import assert_whole
from house import House
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from eyeclaw_trio.admin import listener

WEBSOCKET: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
)
UPGRADE: Final = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
# What hypercorn cannot answer, found by trying: settings that are no base64, settings that HTTP/2
# forbids, a WebSocket that says something before it was taken, a key that is no text.
UNANSWERABLE: Final = {
    "no base64": UPGRADE + b"A\r\n\r\n",
    "forbidden settings": UPGRADE + b"AAUAAAAA\r\n\r\n",
    "early frames": WEBSOCKET + b"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + b"\xff" * 50,
    "no text": WEBSOCKET + b"\xff\r\n\r\n",
}


@frozen
class Served:
    port: int
    stopping: trio.Event

    async def open(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def get(self, host: bytes = b"localhost", rest: bytes = b"\r\n") -> bytes:
        """All that comes back."""
        async with await self.open() as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n" + rest)
            received = b""
            with trio.fail_after(5):
                try:
                    while part := await stream.receive_some():
                        received += part
                        if b"0\r\n\r\n" in received:
                            break
                except trio.BrokenResourceError:
                    pass
            return received


async def page(_scope: Scope, _receive: Receive, send: Send) -> None:
    if _scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def endless_page(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[Served]:
    """The pages are served within the block, and must end by themselves soon behind it."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    stopping = trio.Event()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(listener.serve_admin, app, listeners, stopping)
            yield Served(listeners[0].socket.getsockname()[1], stopping)
            stopping.set()


@pytest.mark.parametrize("name", UNANSWERABLE)
async def test_a_request_that_hypercorn_cannot_answer_ends_its_own_connection_only(
    name: str,
) -> None:
    async with served(page) as it, await it.open() as kept:
        await kept.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(3):
            await it.get(rest=UNANSWERABLE[name])
        assert b"hello" in await it.get()
        await kept.send_all(b"\r\n")
        assert b" 200 " in await kept.receive_some()


@pytest.mark.parametrize(
    "sent",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]) * 1_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE + b"AAMAAABk\r\n\r\n" + bytes(1_000),
    ],
    ids=["from the beginning", "by an upgrade"],
)
async def test_http_2_is_not_spoken(sent: bytes) -> None:
    async with served(page) as it, await it.open() as stream:
        await stream.send_all(sent)
        received = b""
        with trio.fail_after(5), suppress(trio.BrokenResourceError):
            while part := await stream.receive_some():
                received += part
        assert not received.partition(b"\r\n\r\n")[2]
        assert b"hello" in await it.get()


async def test_a_page_that_fails_is_logged_and_is_one_answer_only() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as logs:
        async with served(broken) as it:
            for _ in range(2):
                assert b" 500 " in await it.get(rest=b"Connection: close\r\n\r\n")
    assert [(line["event"], line["path"]) for line in logs] == [("page.bug", "/")] * 2


async def test_who_leaves_in_the_middle_of_a_form_is_no_bug_of_a_page() -> None:
    left = trio.Event()

    async def form(scope: Scope, receive: Receive, _send: Send) -> None:
        if scope["type"] == "http":
            try:
                await Request(scope, receive).body()
            finally:
                left.set()

    with structlog.testing.capture_logs() as logs:
        async with served(form) as it:
            async with await it.open() as stream:
                await stream.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nh")
            with trio.fail_after(5):
                await left.wait()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == []


async def test_a_reader_who_has_stopped_does_not_keep_the_listener(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "PAGES_WITHIN", 0.1)
    async with served(endless_page) as it, await it.open() as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await stream.receive_some(1)
        await trio.sleep(0.1)  # by now the buffers are full, and it writes shielded
        it.stopping.set()


async def test_cancelling_the_listener_ends_what_it_writes() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(listener.serve_admin, endless_page, listeners, trio.Event())
            it = Served(listeners[0].socket.getsockname()[1], trio.Event())
            async with await it.open() as stream:
                await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert await stream.receive_some(1)
                await trio.sleep(0.1)
                nursery.cancel_scope.cancel()


async def test_more_connections_than_there_may_be_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS", 2)
    async with served(page) as it, await it.open() as first, await it.open():
        await first.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in await first.receive_some()
        assert await it.get() == b""
        await first.aclose()
        with trio.fail_after(3):  # sooner than an idle connection is given up
            while not await it.get():
                pass


async def test_the_gateways_pages_answer_to_loopback_and_to_the_names_that_are_allowed(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    house.configure('[admin]\nallowed_hosts = ["Eyeclaw.example"]\n')
    async with house.serve() as gateway:
        it = Served(int(gateway.admin_listen.rpartition(":")[2]), trio.Event())
        for good in (b"localhost", b"127.0.0.1:8002", b"eyeclaw.example:443"):
            assert b" 307 " in await it.get(good, b"Connection: close\r\n\r\n")
        refused = await it.get(b"evil.example", b"Connection: close\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 421 ")
        assert b"admin.allowed_hosts" in refused
        for request in UNANSWERABLE.values():
            await it.get(rest=request)
        assert b" 307 " in await it.get(b"localhost", b"Connection: close\r\n\r\n")
        assert_whole(await gateway.ask("还在吗"), "还在吗")
        assert gateway.child is not None
        assert "admin.connection_failed" in gateway.child.log
