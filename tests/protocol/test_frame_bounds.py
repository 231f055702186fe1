"""What a sieve of frames holds, what is written, and what a peer may cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from frames_by_hand import BINARY, CLOSE, CONTINUATION, HEAD, PING, TEXT, Receiver, frame, sift_all
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, TextMessage

from eyeclaw_trio.protocol.frames import (
    EMPTY_PARTS,
    FRAMES_AT_A_TIME,
    POLICY,
    TEXT_LIMIT,
    TEXT_ROOM,
    TEXTS_AT_A_TIME,
    TOO_BIG,
    FrameSieve,
    frame_close,
    frame_text,
)


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


def taken_at_a_time(data: bytes, *, is_stopped: bool = False) -> tuple[list[int], int]:
    """How many texts are taken in each go, and how many goes there are."""
    goes, taken = [0], 0

    def take(_: bytes) -> bool:
        goes[-1] += 1
        return True

    sieve = FrameSieve(take, limit=1_000)
    if is_stopped:
        sieve.stop()
    assert sieve.sift(data) == b""
    while sieve.has_more:
        goes.append(0)
        assert sieve.sift(b"") == b""
        taken += 1
    return goes, taken + 1


def test_of_many_small_texts_some_are_taken_at_a_time_and_none_is_lost() -> None:
    goes, _ = taken_at_a_time(frame(b"{}") * 2_000)
    assert sum(goes) == 2_000
    assert max(goes) == goes[0] == TEXTS_AT_A_TIME + 2_000 * 8 // TEXT_ROOM


def test_ordinary_texts_are_all_taken_at_a_time() -> None:
    goes, _ = taken_at_a_time(frame(b"x" * 200) * 300)
    assert goes == [300]


def test_whoever_was_told_to_go_has_some_frames_skipped_at_a_time() -> None:
    _, goes = taken_at_a_time(frame(b"{}") * 2_000, is_stopped=True)
    assert 10 < goes < 100


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
