"""Who has not shown a key may say short messages: long enough for a key, and no longer."""

from __future__ import annotations

import pytest
import trio
from cable_fakes import CableGateway
from raw_wire import close_code, frame, receive_to_the_end

HEAD = (
    b"GET /cable HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def unknown(size: int) -> bytes:
    """A message of so many bytes whose name nobody knows: it is not malformed, and ignored."""
    text = b'{"command":"x","identifier":"%s"}'
    return text % (b"i" * (size - len(text) + 2))


@pytest.mark.parametrize("has_shortcut", [True, False])
async def test_row_35_a_message_without_a_key_has_at_most_4_kib(has_shortcut: bool) -> None:
    gateway = CableGateway(has_shortcut=has_shortcut)
    async with gateway.services_running(), gateway.glasses() as peer:
        await peer.stream.send_all(HEAD)
        with trio.fail_after(5):
            assert bytes(await peer.stream.receive_some()).startswith(b"HTTP/1.1 101 ")
            await peer.stream.send_all(frame(unknown(4_096)) + frame(b"p", 9))
            received = b""
            while b"\x8a\x01p" not in received:
                received += bytes(await peer.stream.receive_some())
            assert b"\x88" not in received
            await peer.stream.send_all(frame(unknown(4_097)))
            assert close_code(await receive_to_the_end(peer.stream)) == 1009


async def test_row_35_one_that_is_never_ended_is_cut_off_at_4_kib_as_well() -> None:
    gateway = CableGateway()
    async with gateway.services_running(), gateway.glasses() as peer:
        await peer.stream.send_all(HEAD)
        with trio.fail_after(5):
            assert bytes(await peer.stream.receive_some()).startswith(b"HTTP/1.1 101 ")
            part = frame("满".encode() * 1_000, fin=False)
            await peer.stream.send_all(part + frame(b"x" * 1_097, 0, fin=False))
            assert close_code(await receive_to_the_end(peer.stream)) == 1009
