"""The frame sieve by itself: what it takes, what it leaves, and in which order both come."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from attrs import define
from frames_by_hand import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HEAD,
    PING,
    PONG,
    TEXT,
    Receiver,
    frame,
    sift_all,
)
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.protocol.frames import TEXT_LIMIT, FrameSieve


def slices(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The same bytes as they may arrive."""
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


# ---- any script, any slicing --------------------------------------------------------------------

_keys = st.binary(min_size=4, max_size=4)
_payloads = st.text(max_size=30).map(str.encode) | st.sampled_from(
    [b"x" * 125, b"y" * 126, "你".encode() * 60]
)


@define
class Part:
    """What is sent, as frames, and the message that it is, if it is one."""

    frames: bytes
    message: bytes | None = None


@st.composite
def _fragmented(draw: st.DrawFn) -> Part:
    message, key = draw(_payloads).decode(), draw(_keys)
    at = draw(st.integers(0, len(message)))
    between = draw(st.sampled_from([b"", frame(b"", PING), frame(b"p", PONG)]))
    first = frame(message[:at].encode(), TEXT, fin=False, key=key)
    last = frame(message[at:].encode(), CONTINUATION, key=key)
    return Part(first + between + last, message.encode())


_texts = st.builds(lambda text, key: Part(frame(text, key=key), text), _payloads, _keys)
_controls = st.builds(
    lambda data, opcode: Part(frame(data, opcode)),
    st.binary(max_size=125),
    st.sampled_from([PING, PONG]),
)
_binaries = st.binary(max_size=20).map(lambda data: Part(frame(data, BINARY), data))
_large = st.sampled_from([TEXT_LIMIT - 1, TEXT_LIMIT]).map(
    lambda size: Part(frame(b"L" * size), b"L" * size)
)
_cuts = st.lists(st.integers(0, 2**20), max_size=12)


@given(st.lists(_texts | _controls | _binaries | _fragmented() | _large, max_size=8), _cuts)
def test_whatever_the_slices_each_message_comes_once_and_in_order(
    parts: list[Part], cuts: list[int]
) -> None:
    data = b"".join(part.frames for part in parts)
    receiver = Receiver().feed(slices(data, cuts))
    assert receiver.messages == [part.message for part in parts if part.message is not None]
    assert receiver.sieve.finish() == b""


@given(st.lists(_texts | _controls, max_size=8), _cuts)
def test_simple_texts_are_all_taken_and_the_rest_is_passed_on_unchanged(
    parts: list[Part], cuts: list[int]
) -> None:
    data = b"".join(part.frames for part in parts)
    receiver = Receiver().feed(slices(data, cuts))
    assert receiver.taken == sum(part.message is not None for part in parts)
    assert receiver.passed == b"".join(part.frames for part in parts if part.message is None)


@given(st.lists(_texts | _controls, max_size=3))
def test_one_byte_at_a_time_is_a_slicing_too(parts: list[Part]) -> None:
    data = b"".join(part.frames for part in parts)
    receiver = Receiver().feed(data[i : i + 1] for i in range(len(data)))
    assert receiver.messages == [part.message for part in parts if part.message is not None]


@given(st.binary(max_size=400), _cuts)
def test_of_any_bytes_at_all_each_is_taken_passed_on_or_held(data: bytes, cuts: list[int]) -> None:
    taken: list[bytes] = []

    def take(payload: bytes) -> bool:
        taken.append(payload)
        return True

    sieve = FrameSieve(take, limit=10**9)
    passed = b"".join(sieve.sift(piece) for piece in slices(data, cuts)) + sieve.finish()
    heads = [2 + 4 if len(payload) < 126 else HEAD for payload in taken]
    size = len(passed) + sum(map(len, taken)) + sum(heads)
    # Of what claims to be too long, or has too many empty parts, nobody is told.
    assert size == len(data) if sieve.fault is None else size < len(data)


@pytest.mark.parametrize(
    "message",
    [
        frame(b"binary", BINARY),
        frame(b"in two", fin=False) + frame(b" parts", CONTINUATION),
        frame(b"L" * (TEXT_LIMIT + 1)),
    ],
)
def test_nothing_overtakes_a_message_that_the_library_has_not_said_yet(message: bytes) -> None:
    behind = frame(b"behind")
    taken, passed, sieve = sift_all(frame(b"before"), message, behind)
    assert (taken, passed) == ([b"before"], message + behind)
    assert sieve.sift(behind) == behind
    sieve.note_message()  # three have been given to it by now, and one is said
    assert sieve.sift(behind) == behind
    for _ in range(3):
        sieve.note_message()
    assert sieve.sift(behind) == b""
    assert taken == [b"before", b"behind"]


def test_a_text_between_the_parts_of_another_is_the_librarys_to_refuse() -> None:
    frames = frame(b"a", fin=False), frame(b"no"), frame(b"b", CONTINUATION)
    taken, passed, _ = sift_all(*frames)
    assert (taken, passed) == ([], b"".join(frames))


@pytest.mark.parametrize(
    "fault",
    [
        frame(b"", CLOSE),
        frame(b"", 0x3),
        frame(b"x", CONTINUATION),
        frame(b"", PING, fin=False),
        frame(b"p" * 126, PING),
        b"\xc1" + frame(b"x")[1:],  # a reserved bit
        b"\x81\x01x",  # without a mask
        b"\x81\xfe\x00\x05" + bytes(9),  # a length in more bytes than it needs
        b"\x82\xff\x80" + bytes(7) + bytes(4),  # a length of 2**63
    ],
)
def test_behind_what_the_library_will_refuse_everything_is_its_own(fault: bytes) -> None:
    taken, passed, sieve = sift_all(frame(b"before"), fault, frame(b"behind"))
    assert (taken, passed) == ([b"before"], fault + frame(b"behind"))
    assert sieve.sift(frame(b"later")) == frame(b"later")
    assert taken == [b"before"]


def test_a_text_that_is_refused_goes_to_the_library_and_so_does_all_behind_it() -> None:
    seen: list[bytes] = []

    def take(payload: bytes) -> bool:
        seen.append(payload)
        return payload != b"\xff"

    sieve = FrameSieve(take, limit=10**9)
    data = frame(b"\xff") + frame(b"behind")
    assert sieve.sift(frame(b"before") + data) == data
    assert seen == [b"before", b"\xff"]
