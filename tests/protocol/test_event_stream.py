"""The event stream's reader, against the standard's own examples and every way to cut bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.event_stream import EventStreamReader, ServerSentEvent


def read(*pieces: bytes) -> list[ServerSentEvent]:
    reader = EventStreamReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def message(data: str) -> ServerSentEvent:
    return ServerSentEvent("message", data)


def test_an_event_has_a_name_and_data() -> None:
    assert read(b"event: done\ndata: {}\n\n") == [ServerSentEvent("done", "{}")]


def test_data_of_several_lines_is_joined_with_newlines() -> None:
    assert read(b"data: YHOO\ndata: +2\ndata\ndata: 10\n\n") == [message("YHOO\n+2\n\n10")]


def test_only_one_space_behind_the_colon_is_no_data() -> None:
    assert read(b"data:test\n\ndata:  test\n\n") == [message("test"), message(" test")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_in_lf_cr_or_both(end: bytes) -> None:
    assert read(end.join([b"data: a", b"data: b", b"", b"data: c", b"", b""])) == [
        message("a\nb"),
        message("c"),
    ]


def test_a_lone_cr_ends_its_event_without_waiting_for_more() -> None:
    assert read(b"data: a\r\r") == [message("a")]


def test_a_crlf_cut_in_the_middle_is_one_line_end() -> None:
    assert read(b"data: a\r", b"", b"\ndata: b\r\n\r", b"\ndata: c\n\n") == [
        message("a\nb"),
        message("c"),
    ]


def test_comments_say_nothing() -> None:
    assert read(b": connected\n\n:\n\ndata: a\n: more\n\n") == [message("a")]


def test_an_event_without_data_is_none_and_its_name_is_forgotten() -> None:
    assert read(b"event: ping\n\ndata: a\n\n") == [message("a")]


def test_an_id_stays_until_the_next_one() -> None:
    assert read(b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n") == [
        ServerSentEvent("message", "a", "1"),
        ServerSentEvent("message", "b", "1"),
        ServerSentEvent("message", "c", ""),
    ]


def test_an_id_with_a_nul_is_ignored() -> None:
    assert read(b"id: 1\0\ndata: a\n\n") == [message("a")]


def test_retry_and_unknown_fields_are_ignored() -> None:
    assert read(b"retry: 10\nfoo: bar\ndata: a\n\n") == [message("a")]


def test_a_byte_order_mark_counts_only_at_the_very_beginning() -> None:
    assert read(b"\xef\xbb", b"\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == [message("a")]


def test_bytes_that_are_not_utf_8_become_replacement_characters() -> None:
    assert read(b"data: \xff\n\n") == [message("\ufffd")]


def test_the_end_gives_back_what_lacks_only_its_blank_line() -> None:
    reader = EventStreamReader()
    assert reader.feed(b"data: a\n\ndata: [DONE]") == [message("a")]
    assert reader.finish() == message("[DONE]")
    assert reader.finish() is None


@pytest.mark.parametrize(
    "pieces",
    [
        [b"x" * 101],
        [b"data: " + b"x" * 100 + b"\n\n"],
        [b"data: " + b"x" * 40 + b"\n"] * 3,
        [b"x"] * 101,
    ],
)
def test_an_event_over_the_limit_is_refused(pieces: list[bytes]) -> None:
    reader = EventStreamReader(limit=100)
    with pytest.raises(BadMessage, match="more than 100 bytes"):
        _ = [reader.feed(piece) for piece in pieces]


def test_the_limit_is_for_one_event_not_for_the_stream() -> None:
    reader = EventStreamReader(limit=100)
    assert len(reader.feed(b"data: 0123456789\n\n" * 100)) == 100


LINES = st.lists(
    st.sampled_from(["data: 你好", "data: 😀", "data", "event: done", "id: 7", ": c", "", "", "x"])
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


@given(
    lines=LINES,
    ends=st.lists(ENDS, min_size=1),
    bom=st.booleans(),
    cuts=st.lists(st.integers(0, 300)),
)
def test_the_same_bytes_give_the_same_events_however_they_are_cut(
    lines: list[str], ends: list[str], bom: bool, cuts: list[int]
) -> None:
    text = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines))
    data = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    places = sorted(min(cut, len(data)) for cut in cuts)
    pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    assert b"".join(pieces) == data
    assert read(*pieces) == read(data) == read(*(bytes([byte]) for byte in data))


@given(st.binary(), st.binary())
def test_no_bytes_crash_it(first: bytes, second: bytes) -> None:
    reader = EventStreamReader()
    assert reader.feed(first) + reader.feed(second) == read(first + second)
    reader.finish()
