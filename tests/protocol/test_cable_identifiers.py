"""Identifiers of subscriptions, and what the gateway says, both ways."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from cable_strategies import SDK_IDENTIFIER
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import any_sequence, texts

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.cable import (
    HIGHEST_CONCURRENCY,
    LONGEST_IDENTIFIER,
    SUBPROTOCOL,
    WELCOME,
    BotIdentifier,
    CablePing,
    ChannelData,
    ChannelFraming,
    ChannelMessage,
    Confirmation,
    Disconnect,
    DisconnectReason,
    Rejection,
    Subscribe,
    UnknownFrame,
    Welcome,
    decode_from_client,
    decode_from_gateway,
    decode_identifier,
    encode_confirmation,
    encode_data,
    encode_disconnect,
    encode_identifier,
    encode_ping,
    encode_rejection,
    encode_subscribe,
    read_bot_id,
)
from eyeclaw_trio.protocol.to_bot import ChunkReceived, encode_to_bot


def test_an_sdks_identifier_means_one_command_at_a_time_and_no_cancel() -> None:
    assert decode_identifier(SDK_IDENTIFIER) == BotIdentifier(1)
    assert BotIdentifier(1) == BotIdentifier(1, max_concurrency=1, cancel=False, resume=False)


def test_the_wishes_of_our_connector_are_read() -> None:
    identifier = '{"bot_id":7,"channel":"BotChannel","max_concurrency":4,"cancel":true,"x":1}'
    assert decode_identifier(identifier) == BotIdentifier(7, max_concurrency=4, cancel=True)


@pytest.mark.parametrize("word", ["true", 1, "1", None, [], {}])
def test_only_a_real_true_counts_as_the_word_that_a_bot_can_cancel(word: object) -> None:
    text = orjson.dumps(
        {"channel": "BotChannel", "bot_id": 1, "cancel": word, "resume": word}
    ).decode()
    assert decode_identifier(text) == BotIdentifier(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": None},
        {"channel": "RokidStreamChannels"},
        {"channel": "botchannel"},
        {"channel": ["BotChannel"]},
        {"bot_id": None},
        {"bot_id": ""},
        {"bot_id": "one"},
        {"bot_id": "-1"},
        {"bot_id": "1 "},
        {"bot_id": "١"},
        {"bot_id": "9" * 19},
        {"bot_id": 1.0},
        {"bot_id": True},
        {"bot_id": [1]},
        {"max_concurrency": 0},
        {"max_concurrency": -1},
        {"max_concurrency": "4"},
        {"max_concurrency": 1.5},
        {"max_concurrency": True},
    ],
)
def test_an_identifier_that_cannot_be_obeyed_is_bad(changes: dict[str, Any]) -> None:
    text = orjson.dumps({"channel": "BotChannel", "bot_id": "1"} | changes).decode()
    with pytest.raises(BadMessage):
        decode_identifier(text)


@pytest.mark.parametrize("text", ["", "[]", "5", "null", '"BotChannel"', "BotChannel", "{"])
def test_an_identifier_that_holds_no_object_is_bad(text: str) -> None:
    with pytest.raises(BadMessage):
        decode_identifier(text)


@given(
    st.builds(
        BotIdentifier,
        bot_id=st.integers(0, 10**18 - 1),
        max_concurrency=st.integers(1, HIGHEST_CONCURRENCY),
        cancel=st.booleans(),
        resume=st.booleans(),
    )
)
def test_our_connectors_identifier_is_read_back_as_it_was_meant(wish: BotIdentifier) -> None:
    assert decode_identifier(encode_identifier(wish)) == wish


@pytest.mark.parametrize(("written", "bot_id"), [(1, 1), ("1", 1), ("0012", 12), (0, 0)])
def test_a_bots_id_may_be_a_number_or_digits(written: object, bot_id: int) -> None:
    assert read_bot_id(written) == bot_id


@given(texts)
def test_an_identifier_comes_back_byte_for_byte(identifier: str) -> None:
    for frame in (
        encode_confirmation(identifier),
        encode_rejection(identifier),
        ChannelFraming.of(identifier).message({"type": "pong"}),
    ):
        assert orjson.loads(frame)["identifier"] == identifier


def test_spaces_escapes_and_order_in_an_identifier_are_kept() -> None:
    odd = '{ "bot_id" : "1",\t"channel":"Bot\\u0043hannel" }'
    asked = decode_from_client(orjson.dumps({"command": "subscribe", "identifier": odd}))
    assert isinstance(asked, Subscribe)
    assert asked.identifier == odd
    assert decode_identifier(asked.identifier) == BotIdentifier(1)
    assert orjson.loads(encode_confirmation(asked.identifier))["identifier"] == odd


# ---- what the gateway says ----------------------------------------------------------------------


def test_the_frames_of_the_gateway_have_the_bytes_of_the_protocol() -> None:
    quoted = rb'"{\"channel\":\"BotChannel\",\"bot_id\":\"1\"}"'
    assert WELCOME == b'{"type":"welcome"}'
    assert encode_ping(1_700_000_000) == b'{"type":"ping","message":1700000000}'
    assert encode_confirmation(SDK_IDENTIFIER) == (
        b'{"identifier":' + quoted + b',"type":"confirm_subscription"}'
    )
    assert encode_rejection(SDK_IDENTIFIER) == (
        b'{"identifier":' + quoted + b',"type":"reject_subscription"}'
    )
    assert ChannelFraming.of(SDK_IDENTIFIER).message({"type": "pong"}) == (
        b'{"identifier":' + quoted + b',"message":{"type":"pong"}}'
    )
    assert SUBPROTOCOL == "actioncable-v1-json"


@given(texts, st.lists(any_sequence, max_size=5), texts)
def test_acknowledgements_written_together_are_those_written_one_by_one(
    session_id: str, sequences: list[int], timestamp: str
) -> None:
    framing = ChannelFraming.of(SDK_IDENTIFIER)
    together = framing.acknowledgements(session_id, sequences, timestamp)
    apart = [
        framing.message(encode_to_bot(ChunkReceived(session_id, sequence, timestamp)))
        for sequence in sequences
    ]
    assert [orjson.loads(each) for each in together] == [orjson.loads(each) for each in apart]


@pytest.mark.parametrize(
    "reason", ["unauthorized", "invalid_request", "server_restart", "remote", "replaced"]
)
@pytest.mark.parametrize("reconnect", [True, False])
def test_a_disconnect_always_says_whether_to_come_back(
    reason: DisconnectReason, reconnect: bool
) -> None:
    assert orjson.loads(encode_disconnect(reason, reconnect=reconnect)) == {
        "type": "disconnect",
        "reason": reason,
        "reconnect": reconnect,
    }


# ---- both ways ----------------------------------------------------------------------------------


@given(texts)
def test_what_the_gateway_says_is_what_our_connector_hears(identifier: str) -> None:
    assert decode_from_gateway(WELCOME) == Welcome()
    assert decode_from_gateway(encode_ping(5)) == CablePing()
    assert decode_from_gateway(encode_confirmation(identifier)) == Confirmation(identifier)
    assert decode_from_gateway(encode_rejection(identifier)) == Rejection(identifier)
    assert decode_from_gateway(encode_disconnect("server_restart", reconnect=True)) == Disconnect(
        "server_restart", reconnect=True
    )
    assert decode_from_gateway(encode_disconnect("replaced", reconnect=False)) == Disconnect(
        "replaced", reconnect=False
    )
    message = {"type": "x", "text": identifier}
    assert decode_from_gateway(ChannelFraming.of(identifier).message(message)) == ChannelMessage(
        identifier, message
    )


@given(texts, st.dictionaries(texts, texts, max_size=3))
def test_what_our_connector_says_is_what_the_gateway_hears(
    identifier: str, data: dict[str, object]
) -> None:
    assert decode_from_client(encode_subscribe(identifier)) == Subscribe(identifier)
    heard = decode_from_client(encode_data(identifier, data))
    assert isinstance(heard, ChannelData)
    assert heard.identifier == identifier
    assert orjson.loads(heard.data) == data


def test_a_disconnect_of_an_older_gateway_may_say_less() -> None:
    assert decode_from_gateway('{"type":"disconnect"}') == Disconnect("", reconnect=True)


@pytest.mark.parametrize("frame", ['{"type":"news"}', "{}", '{"type":5}', '{"identifier":"i"}'])
def test_our_connector_ignores_what_it_does_not_know(frame: str) -> None:
    assert isinstance(decode_from_gateway(frame), UnknownFrame)


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        "5",
        "x",
        '{"type":"confirm_subscription"}',
        '{"type":"reject_subscription","identifier":5}',
        '{"type":"disconnect","reconnect":"no"}',
        '{"message":{"type":"pong"}}',
        '{"identifier":null,"message":{}}',
    ],
)
def test_a_malformed_frame_of_a_gateway_is_bad(frame: str) -> None:
    with pytest.raises(BadMessage):
        decode_from_gateway(frame)


@pytest.mark.parametrize("wish", [HIGHEST_CONCURRENCY, HIGHEST_CONCURRENCY + 1, 10**9, 2**62])
def test_a_bot_that_can_take_more_commands_than_are_given_gets_the_most(wish: int) -> None:
    identifier = f'{{"channel":"BotChannel","bot_id":1,"max_concurrency":{wish}}}'
    assert decode_identifier(identifier).max_concurrency == HIGHEST_CONCURRENCY


@pytest.mark.parametrize("command", ["subscribe", "unsubscribe", "message"])
def test_an_identifier_has_at_most_1024_characters(command: str) -> None:
    def frame(size: int) -> str:
        named = {"command": command, "identifier": "i" * size, "data": "{}"}
        return json.dumps(named)

    assert decode_from_client(frame(LONGEST_IDENTIFIER))
    with pytest.raises(BadMessage) as caught:
        decode_from_client(frame(LONGEST_IDENTIFIER + 1))
    assert caught.value.faults == {"identifier": "must be at most 1024 characters"}


@pytest.mark.parametrize("frame", ["{}", '{"type":null}', '{"type":5}', '{"data":"x"}'])
def test_what_has_no_name_at_all_is_malformed_and_not_just_unknown(frame: str) -> None:
    with pytest.raises(BadMessage):
        decode_from_client(frame)
