"""The frame shortcut against trio-websocket without it: whatever a client sends, in whatever
pieces, the same messages come out in the same order and the same bytes go back."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog
import trio
import trio.testing
from attrs import frozen
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio_websocket import ConnectionClosed, wrap_server_stream
from wsproto.utilities import LocalProtocolError

from eyeclaw_trio.protocol.frames import TEXT_LIMIT, FrameSieve
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.services import Services
from eyeclaw_trio.wire.streams import wrap

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


async def _collect(stream: trio.abc.ReceiveStream, written: bytearray) -> None:
    while data := await stream.receive_some():
        written.extend(data)


async def _send(
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
            nursery.start_soon(_collect, ours, written)
            nursery.start_soon(_send, ours, pieces, ends)
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


# ---- what clients send --------------------------------------------------------------------------

KEYS = st.binary(min_size=4, max_size=4)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(['{"command":"message"}', "你好" * 30, "x" * 125, "x" * 126, "y" * 1_000]),
)
CUT_CHARACTER = "你".encode()[:2]
LARGE = st.sampled_from([TEXT_LIMIT - 1, TEXT_LIMIT, TEXT_LIMIT + 1, MESSAGE_LIMIT + 1])

good_texts = st.builds(lambda text, key: [Frame(text.encode(), key=key)], TEXTS, KEYS)
large_texts = st.builds(lambda size: [Frame(b"L", times=size)], LARGE)
binaries = st.builds(lambda data: [Frame(data, BINARY)], st.binary(max_size=20))
controls = st.builds(
    lambda data, opcode: [Frame(data, opcode)],
    st.binary(max_size=125),
    st.sampled_from([PING, PONG]),
)


@st.composite
def fragmented(draw: st.DrawFn) -> list[Frame]:
    """A message in several frames, with pings and whole texts (a fault) between them."""
    data = draw(TEXTS).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), min_size=1, max_size=3)))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    frames = []
    for index, part in enumerate(parts):
        opcode = draw(st.sampled_from([TEXT, BINARY])) if index == 0 else CONTINUATION
        frames.append(Frame(part, opcode, fin=index == len(parts) - 1))
        if index < len(parts) - 1:
            frames += draw(st.one_of(st.just([]), controls, st.sampled_from([[Frame(b"no")]])))
    return frames


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
scripts = st.lists(
    st.one_of(
        good_texts, good_texts, good_texts, large_texts, binaries, controls, fragmented(), faults
    ),
    max_size=12,
)


def slices(data: bytes, chosen: random.Random, most: int) -> list[bytes]:
    """The same bytes as they may arrive."""
    pieces = []
    while data:
        size = chosen.choice([1, 2, 3, 7, 100, 10_000, len(data)][:most])
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def pieces_of(script: list[list[Frame]], seed: int) -> list[bytes]:
    """A script in slices that its seed decides."""
    data = b"".join(bytes(frame) for frames in script for frame in frames)
    # One byte at a time is for the small ones: the large would take a minute.
    if len(data) < 3_000:
        return slices(data, random.Random(seed), 7)
    return [data[start : start + 30_011] for start in range(0, len(data), 30_011)]


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts, seed=st.integers(0, 2**32))
@example(script=[[Frame(b"A", times=TEXT_LIMIT + 1)], [Frame(b"behind a large one")]], seed=0)
@example(script=[[Frame(b"\xff")], [Frame(b"behind a fault")]], seed=0)
@example(script=[[Frame(b"", PING)], [Frame(b"x")], [Frame(b"", PING)], [Frame(b"y")]], seed=0)
def test_the_shortcut_never_differs_from_the_library_alone(
    script: list[list[Frame]], seed: int
) -> None:
    trio.run(compare, pieces_of(script, seed))


@pytest.mark.skipif(Poller.where_possible() is None, reason="there is no epoll")
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts, seed=st.integers(0, 2**32))
@example(script=[[Frame(b"A", times=TEXT_LIMIT + 1)], [Frame(b"behind a large one")]], seed=0)
@example(script=[[Frame(b"\xff")], [Frame(b"behind a fault")]], seed=0)
@example(script=[[Frame(b"", PING)], [Frame(b"x")], [Frame(b"", PING)], [Frame(b"y")]], seed=0)
def test_a_poller_makes_no_difference_either(script: list[list[Frame]], seed: int) -> None:
    trio.run(compare_polled, pieces_of(script, seed))


# ---- that there is a shortcut, and where it ends ------------------------------------------------


def fail(payload: bytes) -> bool:
    """Nothing may be taken here."""
    raise AssertionError(payload)


async def test_simple_texts_do_not_pass_through_the_library() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    stream = FrameStream(wrap(theirs), handshake_size=9)
    taken: list[bytes] = []
    await ours.send_all(b"handshake")
    assert await stream.receive_some() == b"handshake"

    def take(payload: bytes) -> bool:
        taken.append(payload)
        return True

    stream.sift(FrameSieve(take, limit=1_000), Services(poller=None))
    ping = bytes(Frame(b"", PING))
    texts = b"".join(bytes(Frame(b"%d" % n)) for n in range(100))
    await ours.send_all(texts + ping + texts)
    assert await stream.receive_some() == ping
    assert taken == [b"%d" % n for n in range(100)] * 2


@pytest.mark.skipif(Poller.where_possible() is None, reason="there is no epoll")
async def test_with_a_poller_simple_texts_do_not_even_wake_the_reader() -> None:
    poller = Poller()
    reader = trio.lowlevel.current_task()
    taken: list[bytes] = []
    ping = bytes(Frame(b"", PING))

    def take(payload: bytes) -> bool:
        assert trio.lowlevel.current_task() is not reader
        taken.append(payload)
        return True

    async def send() -> None:
        for number in range(100):
            await ours.send_all(bytes(Frame(b"%d" % number)))
            await trio.testing.wait_all_tasks_blocked()
        await ours.send_all(ping)

    async with socket_pair() as (ours, theirs), trio.open_nursery() as nursery:
        stream = FrameStream(wrap(theirs))
        stream.sift(FrameSieve(take, limit=1_000), Services(poller=poller))
        nursery.start_soon(poller.run)
        nursery.start_soon(send)
        assert await stream.receive_some() == ping
        nursery.cancel_scope.cancel()
    assert taken == [b"%d" % number for number in range(100)]


async def test_what_a_client_says_before_it_is_let_in_waits_until_it_is() -> None:
    early, ping = bytes(Frame(b"early")), bytes(Frame(b"", PING))
    taken: list[bytes] = []
    ours, theirs = trio.testing.memory_stream_pair()
    stream = FrameStream(wrap(theirs), handshake_size=9)
    await ours.send_all(b"handshake" + early[:3])
    assert await stream.receive_some() == b"handshake"

    def take(payload: bytes) -> bool:
        taken.append(payload)
        return True

    async def let_in() -> None:
        await trio.testing.wait_all_tasks_blocked()
        stream.sift(FrameSieve(take, limit=1_000), Services(poller=None))
        await ours.send_all(early[3:] + ping)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(let_in)
        assert await stream.receive_some() == ping
    assert taken == [b"early"]


async def test_what_is_held_back_goes_to_the_library_when_the_stream_ends() -> None:
    half = bytes(Frame(b"half a frame", claimed=50))
    ours, theirs = trio.testing.memory_stream_pair()
    stream = FrameStream(wrap(theirs), handshake_size=9)
    await ours.send_all(b"handshake")
    await stream.receive_some()
    stream.sift(FrameSieve(fail, limit=1_000), Services(poller=None))
    await ours.send_all(half)
    await ours.send_eof()
    assert await stream.receive_some() == half
    assert await stream.receive_some() == b""
