"""What the gateway says to a bot about turns, as a bot reads it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import any_sequence, texts

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.bot import UnknownMessage
from eyeclaw_trio.protocol.decoding import encode
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
    encode_to_bot,
    fit_images,
)

_opaque = st.dictionaries(texts, texts | st.integers(0, 9) | st.none(), max_size=3)


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
    sent = encode_to_bot(command)
    assert list(sent) == ["type", "command", "params", "metadata", "timestamp"]
    assert sent == {
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


def a_photo_question(*images: str) -> ExecuteCommand:
    return ExecuteCommand(
        CommandParams("[图片] https://x/y.jpg 这是什么？"),
        CommandMetadata("1", "turn", "bot_1", "trace_1", images=images, photo_words="这是什么？"),
        "2026-01-01T00:00:00Z",
    )


def test_photos_go_along_beside_the_question() -> None:
    command = a_photo_question("data:image/jpeg;base64,eA==")
    said = encode_to_bot(command)
    assert said["params"] == {"message": "[图片] https://x/y.jpg 这是什么？"}
    assert said["metadata"]["images"] == ["data:image/jpeg;base64,eA=="]
    assert said["metadata"]["photo_words"] == "这是什么？"
    assert build_to_bot(said) == command


def test_of_the_photos_those_go_along_that_fit() -> None:
    images = ("data:image/jpeg;base64," + "A" * 1000, "data:image/jpeg;base64," + "B" * 1000)
    addresses = ["https://x/a.jpg", "https://x/b.jpg"]
    command = a_photo_question(*images)
    whole = len(encode(encode_to_bot(command)))
    assert fit_images(command, addresses, whole) is command
    fits = fit_images(command, addresses, whole - 1)
    assert fits.metadata.images == images[:1]
    assert fits.metadata.missing_photos == ("https://x/b.jpg",)
    assert build_to_bot(encode_to_bot(fits)) == fits
    without = encode_to_bot(fit_images(command, addresses, 100))
    assert "images" not in without["metadata"]
    assert without["metadata"]["missing_photos"] == addresses
    assert without["metadata"]["photo_words"] == "这是什么？"
    assert without["params"] == {"message": "[图片] https://x/y.jpg 这是什么？"}


def test_a_photo_that_came_without_an_address_and_does_not_fit_is_missed_by_nobody() -> None:
    command = a_photo_question("data:image/jpeg;base64," + "A" * 1000)
    left = fit_images(command, ["Data:image/png;base64,eA=="], 100)
    assert (left.metadata.images, left.metadata.missing_photos) == ((), ())


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
        st.builds(CommandParams, texts),
        st.builds(
            CommandMetadata,
            agent_id=texts | st.integers(0, 2**63),
            session_id=texts,
            openclaw_session_id=texts,
            trace_id=texts,
            user_id=st.none() | texts,
            message_id=st.none() | texts,
            source=texts,
            full_messages=st.lists(_opaque, max_size=2).map(tuple),
            original_metadata=_opaque,
        ),
        texts,
        texts,
    ),
    st.builds(ChunkReceived, texts, any_sequence, texts),
    st.builds(Cancel, texts, texts),
    st.builds(Connected, st.integers(0, 2**53), texts, texts),
    st.builds(PongToBot, texts),
    st.builds(CommandReceived, texts, texts),
    st.builds(StatusResponse, texts, st.booleans(), *[st.integers(0, 2**53)] * 3),
)


@given(_to_bot)
def test_what_the_gateway_says_is_what_our_connector_hears(message: ToBot) -> None:
    assert build_to_bot(orjson.loads(orjson.dumps(encode_to_bot(message)))) == message


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
