"""The frame sieve by itself: what it takes, what it leaves, and in which order both come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, TextMessage

from eyeclaw_trio.protocol.frames import (
    EMPTY_PARTS,
    FRAMES_AT_A_TIME,
    POLICY,
    TEXT_LIMIT,
    TOO_BIG,
    FrameSieve,
    frame_close,
    frame_text,
)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
# The longest head of a frame that the sieve may take: two bytes, a length of two, the key.
HEAD = 8


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, key: bytes = b"\x01\x80\xfe\x7f"
) -> bytes:
    """One frame as a client sends it."""
    size, first = len(payload), fin << 7 | opcode
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65_536:
        head = bytes([first, 0xFE]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + size.to_bytes(8, "big")
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


@define
class Receiver:
    """A sieve with the library behind it, which says its messages as soon as it has them."""

    messages: list[bytes] = field(factory=list)
    taken: int = 0
    passed: bytes = b""
    sieve: FrameSieve = field(init=False)
    _library: Connection = field(factory=lambda: Connection(ConnectionType.SERVER))
    _parts: bytes = b""

    def __attrs_post_init__(self) -> None:
        self.sieve = FrameSieve(self._take, limit=10**9)

    def feed(self, pieces: Iterable[bytes]) -> Receiver:
        for piece in pieces:
            self._hand_on(self.sieve.sift(piece))
        return self

    def _take(self, payload: bytes) -> bool:
        try:
            payload.decode()
        except UnicodeDecodeError:
            return False
        self.messages.append(payload)
        self.taken += 1
        return True

    def _hand_on(self, data: bytes) -> None:
        self.passed += data
        if not data:
            return
        self._library.receive_data(data)
        for event in self._library.events():
            if isinstance(event, Message):
                text = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
                self._parts += text
                if event.message_finished:
                    self.messages.append(self._parts)
                    self._parts = b""
                    self.sieve.note_message()


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
    assert len(passed) + sum(map(len, taken)) + sum(heads) == len(data)


# ---- order where the library is slow ------------------------------------------------------------


def sift_all(*frames: bytes) -> tuple[list[bytes], bytes, FrameSieve]:
    """What a sieve takes and passes on of frames that come together."""
    taken: list[bytes] = []

    def take(payload: bytes) -> bool:
        taken.append(payload)
        return True

    sieve = FrameSieve(take, limit=10**9)
    return taken, sieve.sift(b"".join(frames)), sieve


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


# ---- what is held -------------------------------------------------------------------------------


@given(
    st.sampled_from([frame(b"L" * (TEXT_LIMIT - 1)), frame(b"L" * TEXT_LIMIT), frame(b"s")]),
    st.integers(0, TEXT_LIMIT + 20),
)
def test_no_more_than_a_text_and_its_head_is_held_back(whole: bytes, cut: int) -> None:
    taken, passed, sieve = sift_all(whole[:cut])
    held = sieve.finish()
    assert len(held) < TEXT_LIMIT + HEAD
    assert (taken and not held) or passed + held == whole[:cut]


def test_a_large_frame_is_passed_on_as_it_comes() -> None:
    large = frame(b"L" * (TEXT_LIMIT + 1))
    _, passed, sieve = sift_all(large[:1_000])
    assert passed == large[:1_000]
    assert sieve.sift(large[1_000:]) == large[1_000:]


def test_after_the_end_nothing_is_taken_any_more() -> None:
    taken, _, sieve = sift_all(frame(b"half")[:5])
    assert sieve.finish() == frame(b"half")[:5]
    assert sieve.sift(frame(b"x")) == frame(b"x")
    assert taken == []


# ---- what is written ----------------------------------------------------------------------------


def read_as_client(data: bytes) -> Sequence[object]:
    """What an independent client reads."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    return list(client.events())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
def test_a_text_is_framed_as_the_library_frames_it(size: int) -> None:
    text = "x" * size
    assert frame_text(text.encode()) == Connection(ConnectionType.SERVER).send(TextMessage(text))


def test_a_close_frame_has_its_code_and_no_reason() -> None:
    assert frame_close(1007) == Connection(ConnectionType.SERVER).send(CloseConnection(1007))
    assert read_as_client(frame_close(1007)) == [CloseConnection(1007, "")]


def test_a_binary_message_is_never_taken_for_a_text() -> None:
    receiver = Receiver().feed([frame(b"binary", BINARY)])
    assert (receiver.taken, receiver.messages) == (0, [b"binary"])


# ---- what a peer may cost -----------------------------------------------------------------------


def ignoring(payload: bytes) -> bool:
    return payload is not None


@pytest.mark.parametrize("take", [ignoring, None])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_more_bytes_than_allowed_is_a_fault_before_it_is_there(
    take: Callable[[bytes], bool] | None, opcode: int
) -> None:
    exact = FrameSieve(take, limit=1_000)
    exact.sift(frame(b"x" * 400, opcode, fin=False) + frame(b"x" * 600, CONTINUATION))
    assert exact.fault is None
    for begun in (
        frame(b"x" * 1_001, opcode)[:8],
        frame(b"x" * 400, opcode, fin=False) + frame(b"x" * 601, CONTINUATION, fin=False)[:8],
    ):
        sieve = FrameSieve(take, limit=1_000)
        sieve.sift(begun)
        assert sieve.fault == TOO_BIG
        assert sieve.pending <= 1_001


def test_the_limit_can_grow_when_a_key_was_shown() -> None:
    sieve = FrameSieve(None, limit=10)
    sieve.limit = 1_000
    sieve.sift(frame(b"x" * 1_000))
    assert sieve.fault is None


def test_a_message_may_have_some_empty_parts_and_not_many() -> None:
    sieve = FrameSieve(ignoring, limit=1_000)
    empty = frame(b"", CONTINUATION, fin=False)
    for _ in range(3):  # it counts for each message anew
        sieve.sift(frame(b"x", fin=False) + empty * 3)
        for _ in range(EMPTY_PARTS - 3):
            sieve.sift(empty)
        sieve.sift(frame(b"x", CONTINUATION))
        sieve.note_message()
        assert sieve.fault != POLICY
    sieve.sift(frame(b"x", fin=False))
    for _ in range(EMPTY_PARTS + 1):
        sieve.sift(empty)
    assert sieve.fault == POLICY
    assert sieve.sift(empty * 100) == b""


def test_the_library_gets_a_few_frames_at_a_time_and_the_rest_is_not_lost() -> None:
    pings = frame(b"", PING) * 100
    sieve = FrameSieve(ignoring, limit=1_000)
    passed = [sieve.sift(pings)]
    while sieve.has_more:
        passed.append(sieve.sift(b""))
    assert b"".join(passed) == pings
    assert max(map(len, passed)) <= FRAMES_AT_A_TIME * len(frame(b"", PING))


def test_who_was_told_to_go_is_heard_for_a_close_frame_only() -> None:
    taken: list[bytes] = []

    def take(payload: bytes) -> bool:
        taken.append(payload)
        return True

    sieve = FrameSieve(take, limit=1_000)
    sieve.sift(frame(b"before"))
    sieve.stop()
    noise = frame(b"text") + frame(b"p", PING) + frame(b"b" * 70_000, BINARY)
    assert sieve.sift(noise[:40_000]) == b""
    assert sieve.sift(noise[40_000:] + frame(b"", CLOSE)) == frame(b"", CLOSE)
    assert taken == [b"before"]


@pytest.mark.parametrize("cut", range(2, 10))
def test_the_code_1014_is_as_good_a_goodbye_as_any(cut: int) -> None:
    goodbye = frame((1014).to_bytes(2, "big") + b"why", CLOSE)
    library = Connection(ConnectionType.SERVER)
    sieve = FrameSieve(ignoring, limit=1_000)
    library.receive_data(sieve.sift(goodbye[:cut]))
    library.receive_data(sieve.sift(goodbye[cut:]))
    assert list(library.events()) == [CloseConnection(1000, "why")]


def test_what_a_head_only_claims_is_not_pending_and_what_came_is() -> None:
    sieve = FrameSieve(ignoring, limit=10**9)
    sieve.sift(frame(b"x" * 100_000)[:1_014])  # a head, a key, and a thousand bytes
    assert sieve.pending == 1_000
    sieve.sift(frame(b"x" * 100_000)[1_014:])
    assert sieve.pending == 0
    sieve.sift(frame(b"y" * 5_000, BINARY, fin=False) + frame(b"", PING))
    assert sieve.pending == 5_000
    sieve.stop()
    assert sieve.pending == 0
