"""The frame shortcut against trio-websocket without it: whatever a client sends, in whatever
pieces, the same messages come out in the same order and the same bytes go back."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing
from frames_between import (
    BINARY,
    CONTINUATION,
    MESSAGE_LIMIT,
    PING,
    PONG,
    TEXT,
    Frame,
    compare,
    compare_polled,
    faults,
    socket_pair,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from passes import Passes

from eyeclaw_trio.protocol.frames import TEXT_LIMIT, TEXT_ROOM, TEXTS_AT_A_TIME, FrameSieve
from eyeclaw_trio.wire.accepting import wrap
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.poller import FIRST_SIZE, Poller
from eyeclaw_trio.wire.services import Services

# ---- what clients send --------------------------------------------------------------------------

KEYS = st.binary(min_size=4, max_size=4)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(['{"command":"message"}', "你好" * 30, "x" * 125, "x" * 126, "y" * 1_000]),
)


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
    texts = b"".join(bytes(Frame(b"%d" % n)) for n in range(16))
    await ours.send_all(texts + ping + texts)
    assert await stream.receive_some() == ping
    assert taken == [b"%d" % n for n in range(16)] * 2


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


@pytest.mark.parametrize("poller", [None, Poller.where_possible()])
async def test_between_many_small_texts_others_have_their_turn_and_none_is_lost(
    poller: Poller | None,
) -> None:
    taken: list[bytes] = []
    passes = Passes()

    def take(payload: bytes) -> bool:
        taken.append(payload)
        passes.count += 1
        return True

    async with socket_pair() as (ours, theirs), trio.open_nursery() as nursery:
        stream = FrameStream(wrap(theirs))
        stream.sift(FrameSieve(take, limit=1_000), Services(poller=poller))
        if poller is not None:
            nursery.start_soon(poller.run)
        ping = bytes(Frame(b"", PING))
        await ours.send_all(b"".join(bytes(Frame(b"%d" % n)) for n in range(1_000)) + ping)
        with passes.counted():
            assert await stream.receive_some() == ping
        nursery.cancel_scope.cancel()
    assert taken == [b"%d" % n for n in range(1_000)]
    assert passes.most <= TEXTS_AT_A_TIME + FIRST_SIZE // TEXT_ROOM


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
