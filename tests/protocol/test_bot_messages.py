"""What a bot and the gateway say to each other about turns, both ways."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import any_sequence, texts

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.bot import (
    HIGHEST_SEQUENCE,
    CommandAsked,
    CommandResult,
    FromBot,
    Log,
    Ping,
    Pong,
    Status,
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamSummary,
    UnknownMessage,
    decode_from_bot,
    encode_from_bot,
)
from eyeclaw_trio.protocol.completions import Usage

_NAMED: list[tuple[str, dict[str, Any], FromBot]] = [
    (
        "stream_chunk",
        {"session_id": "s", "content": "你好", "sequence": 0},
        StreamChunk("s", "你好", 0),
    ),
    ("stream_end", {"session_id": "s"}, StreamEnd("s")),
    (
        "stream_end",
        {"session_id": "s", "finish_reason": 5, "usage": {"prompt_tokens": "x"}},
        StreamEnd("s"),
    ),
    ("stream_error", {"session_id": "s", "error": "boom"}, StreamError("s", "boom")),
    (
        "stream_summary",
        {"session_id": "s", "total_content": "x", "total_chunks": 1, "content_hash": "78"},
        StreamSummary("s", "x", 1, "78"),
    ),
    ("ping", {}, Ping()),
    ("pong", {}, Pong()),
    ("status", {}, Status()),
    ("status", {"session_id": "s"}, Status("s")),
    ("log", {"level": "warn", "message": "m"}, Log("warn", "m")),
    ("execute_command", {"command": "chat"}, CommandAsked("chat")),
    ("command_result", {}, CommandResult()),
    ("response", {}, CommandResult()),
]


def read(message: dict[str, Any]) -> FromBot:
    return decode_from_bot(orjson.dumps(message))


# ---- bot to gateway -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["type", "action"])
@pytest.mark.parametrize(("name", "fields", "expected"), _NAMED)
def test_every_name_is_taken_in_type_and_in_action_alike(
    key: str, name: str, fields: dict[str, Any], expected: FromBot
) -> None:
    assert read({key: name} | fields) == expected
    assert read({key: name, "surprise": [1]} | fields) == expected


def test_type_counts_where_both_are_there_and_a_null_type_does_not() -> None:
    assert read({"type": "ping", "action": "status"}) == Ping()
    assert read({"type": None, "action": "ping"}) == Ping()


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({"content": "a"}, "a"),
        ({"chunk": "a"}, "a"),
        ({"content": None, "chunk": "a"}, "a"),
        ({"content": "a", "chunk": "b"}, "a"),
        ({"content": "", "chunk": "b"}, ""),
        ({"content": " \n"}, " \n"),
    ],
)
def test_a_chunk_has_its_text_in_content_or_in_chunk(fields: dict[str, Any], content: str) -> None:
    assert read({"type": "stream_chunk", "session_id": "s"} | fields) == StreamChunk("s", content)


@pytest.mark.parametrize("sequence", [0, 1, HIGHEST_SEQUENCE])
def test_a_chunk_may_have_any_number_that_every_peer_counts_exactly(sequence: int) -> None:
    chunk = read({"type": "stream_chunk", "session_id": "s", "content": "", "sequence": sequence})
    assert chunk == StreamChunk("s", "", sequence)


def test_a_chunk_of_an_old_sdk_has_no_number() -> None:
    for extra in ({}, {"sequence": None}):
        chunk = read({"type": "stream_chunk", "session_id": "s", "content": "a"} | extra)
        assert chunk == StreamChunk("s", "a", None)


def test_a_summary_and_an_error_may_say_less() -> None:
    assert read({"type": "stream_summary", "session_id": "s"}) == StreamSummary("s")
    assert read({"type": "stream_error", "session_id": "s"}) == StreamError("s")


def test_the_empty_summary_after_a_refusing_model_is_well_formed() -> None:
    summary = read(
        {
            "type": "stream_summary",
            "session_id": "s",
            "total_content": "",
            "total_chunks": 0,
            "content_hash": "0",
        }
    )
    assert summary == StreamSummary("s", "", 0, "0")


def test_an_error_of_our_connector_has_its_reason() -> None:
    message = {"type": "stream_error", "session_id": "s", "error": "e", "reason": "model_busy"}
    assert read(message) == StreamError("s", "e", "model_busy")


@pytest.mark.parametrize("name", ["", "dance", "Stream_chunk", "stream_chunks", "你好"])
@pytest.mark.parametrize("key", ["type", "action"])
def test_a_message_of_an_unknown_name_is_no_offence(key: str, name: str) -> None:
    assert read({key: name, "session_id": 5}) == UnknownMessage(name)


@pytest.mark.parametrize("fields", [{"level": 5, "message": {}}, {"message": None}, {}])
def test_a_log_line_of_any_shape_is_no_offence(fields: dict[str, Any]) -> None:
    assert read({"action": "log"} | fields) == Log("info", "")


_CHUNK = {"type": "stream_chunk", "session_id": "s", "content": "a"}
_SUMMARY = {"type": "stream_summary", "session_id": "s"}


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({}, {"type"}),
        ({"type": 5}, {"type"}),
        ({"type": ["ping"]}, {"type"}),
        ({"type": False, "action": "ping"}, {"type"}),
        ({"action": 5}, {"type"}),
        ({"type": "stream_chunk"}, {"session_id"}),
        ({"type": "stream_chunk", "session_id": "s"}, {"content"}),
        (_CHUNK | {"content": None}, {"content"}),
        (_CHUNK | {"content": 5}, {"content"}),
        (_CHUNK | {"content": ["a"]}, {"content"}),
        (_CHUNK | {"session_id": None}, {"session_id"}),
        (_CHUNK | {"session_id": 5}, {"session_id"}),
        (_CHUNK | {"sequence": -1}, {"sequence"}),
        (_CHUNK | {"sequence": "0"}, {"sequence"}),
        (_CHUNK | {"sequence": 0.0}, {"sequence"}),
        (_CHUNK | {"sequence": True}, {"sequence"}),
        (_CHUNK | {"sequence": HIGHEST_SEQUENCE + 1}, {"sequence"}),
        (_CHUNK | {"sequence": 2**63}, {"sequence"}),
        (
            _CHUNK | {"sequence": [], "session_id": {}, "content": 1},
            {"sequence", "session_id", "content"},
        ),
        ({"type": "stream_end"}, {"session_id"}),
        ({"type": "stream_end", "session_id": 1}, {"session_id"}),
        ({"type": "stream_error", "error": "e"}, {"session_id"}),
        ({"type": "stream_summary"}, {"session_id"}),
        (_SUMMARY | {"total_chunks": "1"}, {"total_chunks"}),
        (_SUMMARY | {"total_chunks": 1.5}, {"total_chunks"}),
        (_SUMMARY | {"total_chunks": True}, {"total_chunks"}),
        (_SUMMARY | {"total_content": ["x"]}, {"total_content"}),
        (_SUMMARY | {"content_hash": 5}, {"content_hash"}),
        ({"action": "status", "session_id": 5}, {"session_id"}),
    ],
)
def test_a_message_with_wrong_fields_is_bad_and_names_them(
    message: dict[str, Any], named: set[str]
) -> None:
    with pytest.raises(BadMessage) as caught:
        read(message)
    assert set(caught.value.faults) == named


@pytest.mark.parametrize(
    "data",
    [
        "",
        "[]",
        "5",
        "null",
        "NaN",
        '"ping"',
        '{"type":"ping"',
        '[{"type":"ping"}]',
        '{"type":"stream_chunk","session_id":"s","content":NaN}',
        r'{"type":"stream_chunk","session_id":"s","content":"\ud83d"}',
        '{"type":"ping","deep":' + "[" * 10_000 + "]" * 10_000 + "}",
    ],
)
def test_data_that_holds_no_message_is_bad_and_nothing_worse(data: str) -> None:
    with pytest.raises(BadMessage):
        decode_from_bot(data)


@given(st.binary(max_size=60) | texts)
def test_no_data_at_all_raises_anything_but_bad_message(data: bytes | str) -> None:
    try:
        decode_from_bot(data)
    except BadMessage:
        return


# Their sum is a count as well, and must not be larger than one may be.
_usages = st.builds(
    lambda p, c: Usage(p, c, p + c), st.integers(1, 9), any_sequence.map(lambda n: n // 2)
)
_from_bot: st.SearchStrategy[FromBot] = st.one_of(
    st.builds(StreamChunk, texts, texts, st.none() | any_sequence),
    st.builds(
        StreamEnd,
        texts,
        st.none() | texts.map(lambda text: text[:40]),
        st.none() | _usages,
    ),
    st.builds(StreamError, texts, texts, st.none() | texts),
    st.builds(StreamSummary, texts, texts, st.none() | any_sequence, st.none() | texts),
    st.builds(Status, st.none() | texts.filter(bool)),
    st.builds(Ping),
    st.builds(Pong),
    st.builds(Log, texts, texts),
    st.builds(CommandAsked, texts),
    st.builds(CommandResult),
    st.builds(UnknownMessage, texts.map("x-".__add__)),
)


@given(_from_bot)
def test_what_our_connector_says_is_what_the_gateway_hears(message: FromBot) -> None:
    assert read(encode_from_bot(message)) == message
