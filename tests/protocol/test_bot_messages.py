"""What a bot and the gateway say to each other about turns, both ways."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.to_bot import (
    Cancel,
    ChunkReceived,
    CommandMetadata,
    CommandParams,
    CommandReceived,
    Connected,
    ExecuteCommand,
    PongToBot,
    RunningTurns,
    StatusResponse,
    ToBot,
    build_to_bot,
    encode_acknowledgements,
    encode_to_bot,
)

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_opaque = st.dictionaries(_texts, _texts | st.integers(0, 9) | st.none(), max_size=3)
_sequences = st.integers(0, HIGHEST_SEQUENCE)

_NAMED: list[tuple[str, dict[str, Any], FromBot]] = [
    (
        "stream_chunk",
        {"session_id": "s", "content": "你好", "sequence": 0},
        StreamChunk("s", "你好", 0),
    ),
    ("stream_end", {"session_id": "s"}, StreamEnd("s")),
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


@given(st.binary(max_size=60) | _texts)
def test_no_data_at_all_raises_anything_but_bad_message(data: bytes | str) -> None:
    try:
        decode_from_bot(data)
    except BadMessage:
        return


_from_bot: st.SearchStrategy[FromBot] = st.one_of(
    st.builds(StreamChunk, _texts, _texts, st.none() | _sequences),
    st.builds(StreamEnd, _texts),
    st.builds(StreamError, _texts, _texts, st.none() | _texts),
    st.builds(StreamSummary, _texts, _texts, st.none() | _sequences, st.none() | _texts),
    st.builds(Status, st.none() | _texts.filter(bool)),
    st.builds(Ping),
    st.builds(Pong),
    st.builds(Log, _texts, _texts),
    st.builds(CommandAsked, _texts),
    st.builds(CommandResult),
    st.builds(UnknownMessage, _texts.map("x-".__add__)),
)


@given(_from_bot)
def test_what_our_connector_says_is_what_the_gateway_hears(message: FromBot) -> None:
    assert read(encode_from_bot(message)) == message


# ---- gateway to bot -----------------------------------------------------------------------------


def test_a_command_has_the_fields_of_the_protocol_and_an_unknown_one_for_our_connector() -> None:
    command = ExecuteCommand(
        CommandParams("你好"),
        CommandMetadata(
            agent_id=1,
            session_id="turn",
            openclaw_session_id="bot_1",
            trace_id="trace_1",
            user_id="u",
            message_id="1021",
            full_messages=({"role": "user"},),
            original_metadata={"lang": "zh-CN"},
        ),
        "2026-01-01T00:00:00Z",
    )
    assert encode_to_bot(command) == {
        "type": "execute_command",
        "command": "chat",
        "params": {"message": "你好"},
        "metadata": {
            "source": "rokid_lingzhu",
            "agent_id": 1,
            "user_id": "u",
            "message_id": "1021",
            "session_id": "turn",
            "openclaw_session_id": "bot_1",
            "trace_id": "trace_1",
            "full_messages": [{"role": "user"}],
            "original_metadata": {"lang": "zh-CN"},
        },
        "timestamp": "2026-01-01T00:00:00Z",
    }
    assert command.session_id == "turn"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            ChunkReceived("s", 3, "t"),
            {"type": "chunk_received", "sequence": 3, "session_id": "s", "timestamp": "t"},
        ),
        (Cancel("s", "why"), {"type": "cancel", "session_id": "s", "reason": "why"}),
        (
            Connected(1, "s", "m"),
            {"type": "connected", "bot_id": 1, "session_id": "s", "message": "m"},
        ),
        (
            RunningTurns(("t1", "t2")),
            {"type": "running_turns", "session_ids": ["t1", "t2"]},
        ),
        (PongToBot("t"), {"type": "pong", "timestamp": "t"}),
        (
            CommandReceived("chat", "t"),
            {"type": "command_received", "command": "chat", "timestamp": "t"},
        ),
        (
            StatusResponse("online", True, 1, 2, 3),
            {
                "type": "status_response",
                "status": "online",
                "online": True,
                "active_sessions": 1,
                "total_sessions": 2,
                "uptime": 3,
            },
        ),
    ],
)
def test_each_message_to_a_bot_has_the_fields_of_the_protocol(
    message: ToBot, expected: dict[str, Any]
) -> None:
    assert encode_to_bot(message) == expected


_to_bot: st.SearchStrategy[ToBot] = st.one_of(
    st.builds(
        ExecuteCommand,
        st.builds(CommandParams, _texts),
        st.builds(
            CommandMetadata,
            agent_id=_texts | st.integers(0, 2**63),
            session_id=_texts,
            openclaw_session_id=_texts,
            trace_id=_texts,
            user_id=st.none() | _texts,
            message_id=st.none() | _texts,
            source=_texts,
            full_messages=st.lists(_opaque, max_size=2).map(tuple),
            original_metadata=_opaque,
        ),
        _texts,
        _texts,
    ),
    st.builds(ChunkReceived, _texts, _sequences, _texts),
    st.builds(Cancel, _texts, _texts),
    st.builds(Connected, st.integers(0, 2**53), _texts, _texts),
    st.builds(PongToBot, _texts),
    st.builds(CommandReceived, _texts, _texts),
    st.builds(StatusResponse, _texts, st.booleans(), *[st.integers(0, 2**53)] * 3),
)


@given(_to_bot)
def test_what_the_gateway_says_is_what_our_connector_hears(message: ToBot) -> None:
    assert build_to_bot(orjson.loads(orjson.dumps(encode_to_bot(message)))) == message


@given(_texts, st.lists(_sequences, max_size=5), _texts)
def test_acknowledgements_written_together_are_those_written_one_by_one(
    session_id: str, sequences: list[int], timestamp: str
) -> None:
    together = encode_acknowledgements(
        session_id, sequences, timestamp, before=b'{"message":', behind=b"}"
    )
    assert [orjson.loads(each) for each in together] == [
        {"message": encode_to_bot(ChunkReceived(session_id, sequence, timestamp))}
        for sequence in sequences
    ]


def test_our_connector_ignores_names_it_does_not_know() -> None:
    assert build_to_bot({"type": "news"}) == UnknownMessage("news")


@pytest.mark.parametrize(
    "value",
    [
        [],
        5,
        None,
        "x",
        {},
        {"type": None},
        {"type": 5},
        {"type": "execute_command"},
        {"type": "execute_command", "params": {}, "metadata": {}, "timestamp": "t"},
        {"type": "chunk_received", "session_id": "s", "sequence": "1"},
        {"type": "cancel"},
        {"type": "connected", "bot_id": "1", "session_id": "s"},
        {"type": "pong"},
    ],
)
def test_a_malformed_message_of_a_gateway_is_bad(value: object) -> None:
    with pytest.raises(BadMessage):
        build_to_bot(value)


# ---- the hash -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "0"),
        ("a", "61"),
        ("你好", "9f61d"),
        ("😀", "1b0d63"),
        ("你好，这是第一段", "-5c12da84"),
    ],
)
def test_the_hash_of_a_text_is_the_sdks(text: str, expected: str) -> None:
    assert hash_content(text) == expected


def hash_step_by_step(text: str) -> str:
    """The definition, one code unit after the other."""
    value = 0
    raw = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(raw[::2], raw[1::2], strict=True):
        value = (value * 31 + high * 256 + low) % 2**32
    if value >= 2**31:
        value -= 2**32
    return ("-" if value < 0 else "") + f"{abs(value):x}"


@given(st.text(max_size=200))
def test_the_hash_is_the_one_of_plain_arithmetic(text: str) -> None:
    assert hash_content(text) == hash_step_by_step(text)


# It is summed up in blocks of 512 code units: at the edges of one, of two and of many.
@pytest.mark.parametrize("size", [511, 512, 513, 1_023, 1_024, 1_025, 5_119, 5_120, 5_121])
@given(st.text(min_size=1, max_size=40))
def test_the_hash_of_a_long_text_is_the_one_of_plain_arithmetic(size: int, text: str) -> None:
    long = (text * size)[:size]
    assert hash_content(long) == hash_step_by_step(long)


def test_the_hash_takes_a_pair_of_surrogates_across_two_blocks() -> None:
    for text in ("x" * 511 + "😀" * 600, "\uffff" * 2_000, "\ud83d" * 513):
        assert hash_content(text) == hash_step_by_step(text)
