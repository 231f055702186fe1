"""Every message that a peer sends as JSON, made wrong in every way: it is read, or refused by name,
in little time and in a few words."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from fuzzing import fuzz_rounds
from json_grammar import any_value, as_bytes, spoilt

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.bot import decode_from_bot
from eyeclaw_trio.protocol.cable import (
    decode_from_client,
    decode_from_gateway,
    decode_identifier,
    decode_stream_identifier,
)
from eyeclaw_trio.protocol.chat import decode_from_chat
from eyeclaw_trio.protocol.openai_request import decode_completion_request
from eyeclaw_trio.protocol.rokid import decode_question, read_history

# Promised is a twentieth of a second for everybody who waits; a collection of garbage that belongs
# to the tests may fall into it (seconds of this thread).
PATIENCE: Final = 0.1

QUESTION: Final = {
    "message_id": "1021",
    "agent_id": 1,
    "user_id": "user_123",
    "bot_id": 1,
    "message": [
        {"role": "user", "type": "text", "text": "我叫小明"},
        {"role": "agent", "content": "你好"},
        {"role": "user", "type": "image", "image_url": "https://images.example/x.jpg"},
    ],
    "metadata": {"lang": "zh", "context": {"location": "西湖", "openclaw_session_id": "x"}},
}
BOT_IDENTIFIER: Final = {
    "channel": "BotChannel",
    "bot_id": "1",
    "max_concurrency": 4,
    "cancel": True,
}
STREAM_IDENTIFIER: Final = {
    "channel": "RokidStreamChannel",
    "access_key": "ak_x",
    "bot_id": 1,
    "session_id": "s",
}
BOT_MESSAGES: Final = (
    {"type": "stream_chunk", "session_id": "s", "content": "x", "sequence": 3},
    {"type": "stream_chunk", "session_id": "s", "chunk": "x"},
    {"type": "stream_end", "session_id": "s"},
    {"type": "stream_error", "session_id": "s", "error": {"message": "x"}},
    {
        "type": "stream_summary",
        "session_id": "s",
        "total_content": "x",
        "total_chunks": 1,
        "content_hash": "78",
    },
    {"type": "tool_call", "session_id": "s", "tool_call": {"command": "take_photo"}},
    {"type": "follow_up", "session_id": "s", "follow_up": ["x", "y"]},
    {"type": "push", "content": "x", "user_id": "u"},
    {"type": "status", "status": "x"},
    {"action": "log", "level": "info", "message": "x"},
    {"type": "command_result", "command": "x", "result": {}},
    {"type": "ping"},
)
FRAMES: Final = (
    {"command": "subscribe", "identifier": json.dumps(BOT_IDENTIFIER)},
    {"command": "unsubscribe", "identifier": json.dumps(BOT_IDENTIFIER)},
    {"command": "message", "identifier": json.dumps(BOT_IDENTIFIER), "data": "{}"},
    {"type": "pong"},
)
FROM_GATEWAY: Final = (
    {"type": "welcome"},
    {"type": "ping", "message": 1},
    {"type": "confirm_subscription", "identifier": "x"},
    {"type": "disconnect", "reason": "remote", "reconnect": True},
    {"identifier": "x", "message": {"type": "pong", "timestamp": "x"}},
)
COMPLETION: Final = {
    "model": "home",
    "messages": [
        {"role": "system", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": "x"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "user": "u",
    "max_tokens": 5,
    "temperature": 0.5,
}
CHAT: Final = ({"message": "x", "provider": "zhipu"}, {"type": "cancel"}, {"type": "ping"})


def _decode_text(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: decode(data.decode("utf-8", "replace"))


READERS: Final[dict[str, tuple[tuple[Any, ...], Callable[[bytes], object]]]] = {
    "a question": ((QUESTION,), decode_question),
    "a bot's message": (BOT_MESSAGES, decode_from_bot),
    "a frame of a client": (FRAMES, decode_from_client),
    "a frame of a gateway": (FROM_GATEWAY, decode_from_gateway),
    "a bot's identifier": ((BOT_IDENTIFIER,), _decode_text(decode_identifier)),
    "a worker's identifier": ((STREAM_IDENTIFIER,), _decode_text(decode_stream_identifier)),
    "a chat client's frame": (CHAT, decode_from_chat),
    "a completion's request": ((COMPLETION,), decode_completion_request),
}


@pytest.mark.fuzz
@pytest.mark.parametrize("name", READERS)
def test_whatever_is_sent_is_read_or_refused_by_name(name: str) -> None:
    examples, decode = READERS[name]
    outcomes: set[bool] = set()
    for dice in fuzz_rounds(name, share=1 / len(READERS)):
        for _ in range(20):
            value = spoilt(dice, dice.choice(examples)) if dice.random() < 0.9 else any_value(dice)
            outcomes.add(_is_read(decode, as_bytes(dice, value)))
    assert outcomes  # at least one round


def _is_read(decode: Callable[[bytes], object], data: bytes) -> bool:
    began = time.thread_time()
    refused: BadMessage | None = None
    try:
        decode(data)
    except BadMessage as bad:
        refused = bad
    assert time.thread_time() - began < PATIENCE, data[:200]
    if refused is not None:
        assert 0 < len(refused.faults) <= 21, data[:200]
        assert len(str(refused)) < 5_000
    return refused is None


@pytest.mark.fuzz
def test_a_history_that_cannot_be_read_is_left_out() -> None:
    for dice in fuzz_rounds("a history"):
        entries = tuple(
            value
            for value in (spoilt(dice, entry) for entry in QUESTION["message"])  # type: ignore[attr-defined]
            if isinstance(value, dict)
        )
        assert all(entry.as_text for entry in read_history(entries))


def test_good_messages_are_read_and_the_largest_in_time() -> None:
    for examples, decode in READERS.values():
        for example in examples:
            assert _is_read(decode, json.dumps(example).encode())
    dice = random.Random(1)
    entries = [{"role": "user", "type": "text", "text": "x" * 5_000} for _ in range(200)]
    deep: Any = {}
    for _ in range(150):
        deep = {"context": deep, "list": [dice.random()] * 10}
    large = QUESTION | {"message": entries, "metadata": deep}
    assert _is_read(decode_question, json.dumps(large).encode())
