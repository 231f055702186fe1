"""What an edge worker reads, byte for byte (PROTOCOL 3)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.cable import StreamIdentifier, decode_stream_identifier
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.protocol.worker import (
    LoggedChunk,
    LoggedEnd,
    LoggedError,
    describe_connected,
    describe_for_channel,
    describe_for_poll,
    describe_pong,
    describe_triggered,
)

AT = 1_767_225_600.5
STAMP = "2026-01-01T00:00:00.500+00:00"


def test_a_trigger_is_answered_as_the_protocol_says() -> None:
    assert encode(describe_triggered(1, "turn")) == (
        b'{"bot_id":1,"session_id":"turn","status":"triggered"}'
    )


@pytest.mark.parametrize(
    ("entry", "polled", "followed"),
    [
        (
            LoggedChunk(1, AT, "你好"),
            '{"id":1,"type":"stream_chunk","content":"你好",',
            '{"type":"stream_chunk","content":"你好","sequence":0,"session_id":"turn"}',
        ),
        (
            LoggedEnd(2, AT),
            '{"id":2,"type":"stream_end","content":"",',
            '{"type":"stream_end","session_id":"turn"}',
        ),
        (
            LoggedError(3, AT, "忙"),
            '{"id":3,"type":"stream_error","content":"忙","error":"忙",',
            '{"type":"stream_error","error":"忙","session_id":"turn"}',
        ),
    ],
)
def test_an_entry_has_the_form_of_the_wire_it_goes_over(
    entry: LoggedChunk | LoggedEnd | LoggedError, polled: str, followed: str
) -> None:
    assert encode(describe_for_poll(entry)).decode() == polled + f'"timestamp":"{STAMP}"}}'
    assert encode(describe_for_channel(entry, "turn")).decode() == followed


def test_what_is_said_of_the_connection() -> None:
    assert encode(describe_connected(1, "turn", AT)).decode() == (
        '{"type":"connected","bot_id":1,"session_id":"turn","channel":"RokidStreamChannel",'
        f'"timestamp":"{STAMP}"}}'
    )
    assert describe_pong(AT) == {"type": "pong", "timestamp": STAMP}


@given(st.text())
def test_any_text_arrives_as_it_was_said(text: str) -> None:
    entry = LoggedChunk(1, AT, text)
    assert json.loads(encode(describe_for_poll(entry)))["content"] == text
    assert json.loads(encode(describe_for_channel(entry, "x")))["content"] == text


# ---- the identifier of a subscription -----------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ('"bot_id":1,"session_id":"t","access_key":"ak"', StreamIdentifier(1, "t", "ak")),
        ('"bot_id":"1","session_id":"t"', StreamIdentifier(1, "t", None)),
        ('"bot_id":1,"session_id":"t","access_key":null', StreamIdentifier(1, "t", None)),
        ('"bot_id":1,"session_id":"t","access_key":"","x":[1]', StreamIdentifier(1, "t", "")),
    ],
)
def test_an_identifier_is_read(fields: str, read: StreamIdentifier) -> None:
    identifier = '{"channel":"RokidStreamChannel",' + fields + "}"
    assert decode_stream_identifier(identifier) == read
    assert "ak" not in repr(StreamIdentifier(1, "t", "ak"))


@pytest.mark.parametrize(
    ("identifier", "fault"),
    [
        ("no json", ""),
        ("[]", "identifier"),
        ('{"bot_id":1,"session_id":"t"}', "identifier.channel"),
        ('{"channel":"BotChannel","bot_id":1,"session_id":"t"}', "identifier.channel"),
        ('{"channel":"RokidStreamChannel","session_id":"t"}', "bot_id"),
        ('{"channel":"RokidStreamChannel","bot_id":true,"session_id":"t"}', "bot_id"),
        ('{"channel":"RokidStreamChannel","bot_id":1}', "session_id"),
        ('{"channel":"RokidStreamChannel","bot_id":1,"session_id":7}', "session_id"),
        (
            '{"channel":"RokidStreamChannel","bot_id":1,"session_id":"t","access_key":7}',
            "access_key",
        ),
    ],
)
def test_what_is_no_such_identifier_is_told_with_its_field(identifier: str, fault: str) -> None:
    with pytest.raises(BadMessage) as bad:
        decode_stream_identifier(identifier)
    assert list(bad.value.faults) == [fault]
