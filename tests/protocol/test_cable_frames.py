"""The ActionCable envelope, both halves of it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cable_strategies import SDK_IDENTIFIER
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import texts

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.cable import (
    ChannelData,
    Subscribe,
    UnknownFrame,
    Unsubscribe,
    decode_from_client,
    decode_from_gateway,
    decode_identifier,
)

# ---- what clients say ---------------------------------------------------------------------------


def test_the_subscribe_of_an_sdk_is_read_with_its_identifier_untouched() -> None:
    frame = r'{"command":"subscribe","identifier":"{\"channel\":\"BotChannel\",\"bot_id\":\"1\"}"}'
    assert decode_from_client(frame) == Subscribe(SDK_IDENTIFIER)


def test_a_message_and_an_unsubscribe_are_read() -> None:
    assert decode_from_client('{"command":"message","identifier":"i","data":"{}"}') == ChannelData(
        "i", "{}"
    )
    assert decode_from_client('{"command":"unsubscribe","identifier":"i"}') == Unsubscribe("i")


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ('{"type":"pong"}', "pong"),
        ('{"command":"dance"}', "dance"),
        ('{"command":"dance","type":"pong"}', "dance"),
        ('{"type":""}', ""),
        ('{"command":null,"type":"x"}', "x"),
    ],
)
def test_a_frame_of_an_unknown_name_is_no_offence(frame: str, name: str) -> None:
    assert decode_from_client(frame) == UnknownFrame(name)


_MALFORMED = [
    b"",
    b"hello",
    b"[]",
    b'[{"command":"subscribe","identifier":"i"}]',
    b"5",
    b"null",
    b"true",
    b'"subscribe"',
    b"NaN",
    b'{"command":"message","identifier":"i","data":NaN}',
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    rb'{"command":"message","identifier":"i","data":"\ud800"}',
    b'{"command":"message","identifier":"\xff","data":"{}"}',
    b'{"command":"message","identifier":"i"}',
    b'{"command":"message","identifier":"i","data":{"type":"ping"}}',
    b'{"command":"message","identifier":"i","data":null}',
    b'{"command":"message","identifier":"i","data":5}',
    b'{"command":"message","identifier":5,"data":"{}"}',
    b'{"command":"message","data":"{}"}',
    b'{"command":"subscribe"}',
    b'{"command":"subscribe","identifier":null}',
    b'{"command":"subscribe","identifier":{"channel":"BotChannel"}}',
    b'{"command":"unsubscribe","identifier":1}',
    b'{"command":"subscribe","identifier":"i"',
]


@pytest.mark.parametrize("frame", _MALFORMED)
def test_a_malformed_frame_is_bad_and_nothing_worse(frame: bytes) -> None:
    with pytest.raises(BadMessage):
        decode_from_client(frame)


def test_all_faults_of_a_frame_are_named() -> None:
    with pytest.raises(BadMessage) as caught:
        decode_from_client('{"command":"message","data":5}')
    assert set(caught.value.faults) == {"identifier", "data"}


@given(st.binary(max_size=60), texts)
def test_no_frame_at_all_raises_anything_but_bad_message(raw: bytes, text: str) -> None:
    with suppress(BadMessage):
        decode_from_client(raw)
    with suppress(BadMessage):
        decode_from_gateway(raw)
    with suppress(BadMessage):
        decode_from_client(text)
    with suppress(BadMessage):
        decode_identifier(text)
