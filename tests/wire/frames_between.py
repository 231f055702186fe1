"""Frames sent from a client to a server's socket, with the shortcut and without it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
import trio
import trio.testing
from attrs import frozen
from hypothesis import strategies as st
from trio_websocket import ConnectionClosed, wrap_server_stream
from wsproto.utilities import LocalProtocolError

from eyeclaw_trio.protocol.frames import TEXT_LIMIT, FrameSieve
from eyeclaw_trio.wire.accepting import wrap
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.services import Services

# More than what the shortcut takes, so that texts go both ways, and soon too much for the library.
MESSAGE_LIMIT = 90_000
HANDSHAKE = (
    b"GET /cable HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
TOO_LARGE = (1009).to_bytes(2, "big") + b"Exceeded"  # in the close frame
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@frozen
class Frame:
    """What is written into one frame, faults included. `lengths` is the size of its length."""

    part: bytes
    opcode: int = TEXT
    fin: bool = True
    key: bytes | None = b"\x01\x80\xfe\x7f"
    reserved: int = 0
    claimed: int | None = None
    lengths: int | None = None
    times: int = 1

    @property
    def payload(self) -> bytes:
        return self.part * self.times

    def __bytes__(self) -> bytes:
        size = len(self.payload) if self.claimed is None else self.claimed
        first = self.fin << 7 | self.reserved << 4 | self.opcode
        mask = 0x80 if self.key is not None else 0
        needed = 1 if size < 126 else 3 if size < 65_536 else 9
        lengths = max(needed, self.lengths or 0)
        match lengths:
            case 1:
                head = bytes([first, mask | size])
            case 3:
                head = bytes([first, mask | 126]) + size.to_bytes(2, "big")
            case _:
                head = bytes([first, mask | 127]) + size.to_bytes(8, "big")
        if self.key is None:
            return head + self.payload
        masked = bytes(byte ^ self.key[i % 4] for i, byte in enumerate(self.payload))
        return head + self.key + masked


@frozen
class Outcome:
    """What the gateway's side has seen and said."""

    messages: list[str | bytes]
    code: int | None
    written: bytes


@asynccontextmanager
async def socket_pair() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """Two ends of a connection within this machine: what is written is there to be read at once,
    so that `wait_all_tasks_blocked` sees it through."""
    ours, theirs = (
        trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in socket.socketpair()
    )
    async with ours, theirs:
        yield ours, theirs


async def receive(
    pieces: Sequence[bytes], *, shortcut: bool, ends: bool = True, has_sieve: bool = True
) -> Outcome:
    """Send these pieces to a WebSocket with or without the shortcut, or to the library alone."""
    ours, theirs = trio.testing.memory_stream_pair()
    return await receive_between(
        ours, theirs, pieces, shortcut=shortcut, ends=ends, has_sieve=has_sieve
    )


async def receive_polled(pieces: Sequence[bytes]) -> Outcome:
    """Send these pieces over sockets to one with the shortcut, that is read by a poller."""
    poller = Poller()
    outcome: Outcome | None = None
    with structlog.testing.capture_logs() as logs:
        async with socket_pair() as (ours, theirs), trio.open_nursery() as nursery:
            nursery.start_soon(poller.run)
            outcome = await receive_between(ours, theirs, pieces, shortcut=True, poller=poller)
            nursery.cancel_scope.cancel()
    assert logs == []  # the poller keeps bugs to itself
    assert outcome is not None
    return outcome


async def collect(stream: trio.abc.ReceiveStream, written: bytearray) -> None:
    while data := await stream.receive_some():
        written.extend(data)


async def send_pieces(
    stream: trio.abc.HalfCloseableStream,
    pieces: Sequence[bytes],
    ends: bool,
) -> None:
    for piece in pieces:
        try:
            await stream.send_all(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        await trio.testing.wait_all_tasks_blocked()
    if ends:
        await stream.send_eof()


async def receive_between(
    ours: trio.abc.HalfCloseableStream,
    theirs: trio.abc.Stream,
    pieces: Sequence[bytes],
    *,
    shortcut: bool,
    ends: bool = True,
    poller: Poller | None = None,
    has_sieve: bool = True,
) -> Outcome:
    """Send these pieces from one end to the other."""
    stream = FrameStream(wrap(theirs), handshake_size=len(HANDSHAKE))
    services = Services(poller=poller)
    messages: list[str | bytes] = []
    code: int | None = None
    written = bytearray()
    has_fallen_over = False

    def take(payload: bytes) -> bool:
        try:
            messages.append(payload.decode())
        except UnicodeDecodeError:
            return False
        return True

    try:
        async with trio.open_nursery() as nursery:
            await ours.send_all(HANDSHAKE)
            request = await wrap_server_stream(
                nursery,
                stream if has_sieve else theirs,
                max_message_size=MESSAGE_LIMIT,
                receive_buffer_size=TEXT_LIMIT,
            )
            ws = await request.accept()
            if has_sieve:
                sieve = FrameSieve(take if shortcut else None, limit=1 << 64)
                stream.sift(sieve, services)
            nursery.start_soon(collect, ours, written)
            nursery.start_soon(send_pieces, ours, pieces, ends)
            try:
                while True:
                    messages.append(await ws.get_message())
                    if has_sieve:
                        stream.note_message()
            except ConnectionClosed as closed:
                code = closed.reason.code if closed.reason is not None else None
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    except* LocalProtocolError:
        has_fallen_over = True  # over a ping behind a message that was too large
    if has_fallen_over or TOO_LARGE in written:
        # What else the library says after that word depends on which of its tasks was woken first.
        return Outcome(messages, 1009, TOO_LARGE)
    return Outcome(messages, code, bytes(written))


async def compare(pieces: Sequence[bytes]) -> Outcome:
    """The library alone, and behind a sieve with and without the shortcut; they must not differ."""
    plain = await receive(pieces, shortcut=False, has_sieve=False)
    assert await receive(pieces, shortcut=True) == plain
    assert await receive(pieces, shortcut=False) == plain
    return plain


async def compare_polled(pieces: Sequence[bytes]) -> None:
    """The library alone and the shortcut with a poller; they must not differ."""
    plain = await receive(pieces, shortcut=False, has_sieve=False)
    assert await receive_polled(pieces) == plain


CUT_CHARACTER = "你".encode()[:2]


faults = st.sampled_from(
    [
        [Frame(b"\xff\xfe")],
        [Frame(CUT_CHARACTER)],
        [Frame(CUT_CHARACTER, fin=False), Frame(b"\xa0", CONTINUATION)],
        [Frame("\ud800".encode("utf-8", "surrogatepass"))],
        [Frame(b"unmasked", key=None)],
        [Frame(b"reserved bit", reserved=4)],
        [Frame(b"reserved opcode", 0x3)],
        [Frame(b"reserved control", 0xB)],
        [Frame(b"a continuation of nothing", CONTINUATION)],
        [Frame(b"small in three bytes", lengths=3)],
        [Frame(b"small in nine bytes", lengths=9)],
        [Frame(b"ping in three", PING, lengths=3)],
        [Frame(b"p" * 126, PING)],
        [Frame(b"", PING, fin=False)],
        [Frame(b"", claimed=1 << 62)],
        [Frame(b"", claimed=1 << 63)],
        [Frame(b"", claimed=(1 << 64) - 1)],
        [Frame(b"half a frame", claimed=50)],
        [Frame(b"", CLOSE)],
        [Frame((1000).to_bytes(2, "big") + "再见".encode(), CLOSE)],
        [Frame(b"\x03", CLOSE)],
        [Frame((1005).to_bytes(2, "big"), CLOSE)],
    ]
)
