"""A peer that writes its own bytes: WebSocket frames and HTTP requests as wrong as a test wants."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import h11
import pytest
import structlog
import trio
import trio.testing
from cable_fakes import CableGateway
from fakes import KEY, TOKEN, Gateway

TEXT, BINARY, CONTINUATION, CLOSE = 1, 2, 0, 8


def upgrade(*lines: str, method: str = "GET", bot_id: int = 1, token: str = TOKEN) -> bytes:
    """The head of a WebSocket handshake of a bot, with more lines where wanted."""
    head = [
        f"{method} /cable?sdk_token={token}&bot_id={bot_id} HTTP/1.1",
        "Host: gateway.example",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, size: int | None = None
) -> bytes:
    """A frame as a client sends it; `size` is what its head claims, where that is not the truth."""
    claimed = len(payload) if size is None else size
    first = (0x80 if fin else 0) | opcode
    if claimed < 126:
        head = bytes([first, 0x80 | claimed])
    elif claimed < 65_536:
        head = bytes([first, 0x80 | 126]) + claimed.to_bytes(2, "big")
    else:
        head = bytes([first, 0x80 | 127]) + claimed.to_bytes(8, "big")
    return head + bytes(4) + payload  # the mask is four zeros: it changes nothing


@asynccontextmanager
async def raw_link(gateway: CableGateway) -> AsyncIterator[trio.abc.Stream]:
    """A link of bot 1 behind the handshake, without a library on our side."""
    async with gateway.services_running(), gateway.glasses() as peer:
        await peer.stream.send_all(upgrade())
        with trio.fail_after(5):
            assert bytes(await peer.stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        yield peer.stream


async def receive_to_the_end(stream: trio.abc.ReceiveStream) -> bytes:
    """Everything up to the end of the connection."""
    received = b""
    while data := await stream.receive_some():
        received += data
    return received


def close_code(received: bytes) -> int | None:
    """The code of the close frame with which it ends; None for a bare end."""
    at = received.rfind(b"\x88")
    if at < 0 or at + 2 + received[at + 1] != len(received) or received[at + 1] < 2:
        return None
    return int.from_bytes(received[at + 2 : at + 4], "big")


def post(
    body: bytes = b"{}",
    *lines: str,
    target: str = "/sse/rokid",
    version: str = "1.1",
    method: str = "POST",
    length: bool = True,
) -> bytes:
    """A request as bytes."""
    head = [
        f"{method} {target} HTTP/{version}",
        "Host: gateway.example",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        *lines,
    ]
    if length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def exchange(gateway: Gateway, sent: bytes, *, seconds: float = 120) -> bytes:
    """What comes back for these bytes until the gateway closes."""
    async with gateway.glasses() as peer:
        with trio.fail_after(seconds):
            await peer.stream.send_all(sent)
            return await receive_to_the_end(peer.stream)


def statuses(received: bytes, *methods: str) -> list[int]:
    """The status of each response in these bytes; raises where anything else is among them."""
    client = h11.Connection(h11.CLIENT)
    client.receive_data(received)
    client.receive_data(b"")
    found: list[int] = []
    wanted = [*methods, *["GET"] * 10]
    while client.trailing_data[0] or not found:
        client.send(h11.Request(method=wanted.pop(0), target="/", headers=[("Host", "x")]))
        client.send(h11.EndOfMessage())
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                found.append(event.status_code)
        if client.their_state is not h11.DONE:
            break
        client.start_next_cycle()
    return found


@contextmanager
def no_traceback(
    capture: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Nothing that a peer does inside shows as a traceback, in our log or in a library's."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as ours:
        yield
    assert not [each for each in ours if "exc_info" in each or each["log_level"] == "error"]
    assert not [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]
    out, err = capture.readouterr()
    assert "Traceback" not in out + err
