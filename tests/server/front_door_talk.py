"""Saying something to the front door, and what it says to it."""

from __future__ import annotations

from collections.abc import Sequence

from fakes import KEY, Gateway


async def talk(gateway: Gateway, sent: bytes) -> bytes:
    """What comes back for these bytes until the gateway closes."""
    async with gateway.glasses() as glasses:
        await glasses.stream.send_all(sent)
        received = b""
        while data := await glasses.stream.receive_some():
            received += data
        return received


def post(
    body: bytes = b"{}",
    *,
    target: str = "/sse/rokid",
    version: str = "1.1",
    lines: Sequence[str] = (),
    length: int | None = None,
) -> bytes:
    """A request as bytes, so that it can be as wrong as a test wants."""
    head = [f"POST {target} HTTP/{version}", "Host: x", f"Authorization: Bearer {KEY}", *lines]
    if length != -1:
        head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
