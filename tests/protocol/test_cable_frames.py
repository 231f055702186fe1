"""The ActionCable envelope, both halves of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

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
    DataOpening,
    Disconnect,
    DisconnectReason,
    Rejection,
    Subscribe,
    UnknownFrame,
    Unsubscribe,
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

_SDK_IDENTIFIER = '{"channel":"BotChannel","bot_id":"1"}'
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


# ---- what clients say ---------------------------------------------------------------------------


def test_the_subscribe_of_an_sdk_is_read_with_its_identifier_untouched() -> None:
    frame = r'{"command":"subscribe","identifier":"{\"channel\":\"BotChannel\",\"bot_id\":\"1\"}"}'
    assert decode_from_client(frame) == Subscribe(_SDK_IDENTIFIER)


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


@given(st.binary(max_size=60), _texts)
def test_no_frame_at_all_raises_anything_but_bad_message(raw: bytes, text: str) -> None:
    with suppress(BadMessage):
        decode_from_client(raw)
    with suppress(BadMessage):
        decode_from_gateway(raw)
    with suppress(BadMessage):
        decode_from_client(text)
    with suppress(BadMessage):
        decode_identifier(text)


# ---- how one client's frames begin --------------------------------------------------------------

_SDK_OPENING = (
    rb'{"command":"message","identifier":"{\"channel\":\"BotChannel\",\"bot_id\":\"1\"}","data":'
)


def _learned(frame: bytes | str) -> DataOpening | None:
    read = decode_from_client(frame)
    assert isinstance(read, ChannelData)
    return DataOpening.learn(frame, read)


def _sdk_frame(data: str) -> bytes:
    return orjson.dumps({"command": "message", "identifier": _SDK_IDENTIFIER, "data": data})


def test_the_frame_of_an_sdk_is_learned_and_the_next_ones_are_read_by_their_data() -> None:
    opening = _learned(_sdk_frame('{"type":"ping"}'))
    assert opening == DataOpening(_SDK_OPENING)
    for data in ("", "{}", '{"type":"stream_chunk","content":"你好\\n}"}', _SDK_OPENING.decode()):
        assert opening.read(_sdk_frame(data)) == data
    assert opening.read(_SDK_OPENING + b' "spaces" }') == "spaces"


def test_a_frame_of_our_connector_is_learned() -> None:
    identifier = encode_identifier(BotIdentifier(7, max_concurrency=4, cancel=True, resume=True))
    opening = _learned(encode_data(identifier, {"type": "ping"}))
    assert opening is not None
    assert opening.read(encode_data(identifier, {"type": "pong"})) == '{"type":"pong"}'


@pytest.mark.parametrize(
    "frame",
    [
        b'{"data":"{}","command":"message","identifier":"i"}',
        b'{"command":"message","data":"{}","identifier":"i"}',
        b'{"command":"message","data":"no","identifier":"i","data":"{}"}',
        b'{"command":"message","identifier":"i","data" :"{}"}',
        b'{"command":"message","identifier":"i","d\\u0061ta":"{}"}',
        b'{"command":"message","identifier":"i","x\\"data":"1","data":"{}"}',
        b'{"command":"message","identifier":"i","x":{"data":"1"},"data":"{}"}',
        b'{"command":"message","identifier":"i","more":1,"data":"{}"}',
    ],
)
def test_a_frame_whose_data_is_not_surely_the_last_word_is_not_learned(frame: bytes) -> None:
    opening = _learned(frame)
    assert opening is None


def test_of_two_datas_the_second_is_never_taken_for_the_first() -> None:
    opening = _learned(b'{"command":"message","identifier":"i","data":"a","data":"b"}')
    assert opening is not None
    assert opening.read(b'{"command":"message","identifier":"i","data":"a","data":"b"}') is None
    assert opening.read(b'{"command":"message","identifier":"i","data":"c"}') == "c"


def test_text_that_was_decoded_already_is_neither_learned_nor_read() -> None:
    frame = _sdk_frame("{}")
    assert _learned(frame.decode()) is None
    opening = _learned(frame)
    assert opening is not None
    assert opening.read(frame.decode()) is None


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"}",
        b'""',
        b'"',
        b'"}',
        b'"\\"}',
        b'"a"}}',
        b'"a"} ',
        b'"a"}\0',
        b'"a"]',
        b'"a","data":"b"}',
        b'"a","identifier":"other"}',
        b'"a","command":"subscribe"}',
        b'{"type":"ping"}}',
        b"null}",
        b"5}",
        b'["a"]}',
        rb'"\ud800"}',
        b'"\xff"}',
        b'"\xef\xbb\xbf',
    ],
)
def test_what_is_no_single_text_behind_the_opening_is_read_as_a_whole(rest: bytes) -> None:
    assert DataOpening(_SDK_OPENING).read(_SDK_OPENING + rest) is None


_nasty = st.lists(
    _texts
    | st.sampled_from(
        [
            '"data":',
            '"data":""}',
            '\\"data\\":',
            '","data":"',
            '"}',
            '"',
            "\\",
            "}",
            "{",
            "[" * 300,
            _SDK_IDENTIFIER,
            '{"command":"message","identifier":"i","data":"x"}',
            "你好😀",
            "\0\x1f\x7f\u2028",
        ]
    ),
    max_size=3,
).map("".join)


def _escape_all(text: str) -> str:
    """Every character as an escape, as no client writes it and every client may."""
    units = text.encode("utf-16-be").hex()
    return '"' + "".join("\\u" + units[i : i + 4] for i in range(0, len(units), 4)) + '"'


_writers: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps(text).replace("/", "\\/"),
        _escape_all,
    ]
)
_spaces = st.sampled_from([""] * 6 + [" ", "\n\t"])
_commands = st.sampled_from(["message"] * 6 + ["subscribe", "dance", '"data":'])
_extra_keys = _nasty | st.sampled_from(["type", "data", "identifier", "command", "Data"])
_extra_values = st.one_of(
    _nasty.map(json.dumps),
    st.sampled_from(["1", "null", "true", "[]", '{"data":"x"}', '[{"data":"}"}]', '"message"']),
)


@frozen
class Client:
    """How a client writes: its frame around a data, which may come more than once or not at all."""

    parts: tuple[str | None, ...]

    def frame(self, data: str) -> bytes:
        return "".join(data if part is None else part for part in self.parts).encode()


@st.composite
def _clients(draw: st.DrawFn) -> Client:
    """Mostly the three keys in their usual order; also any other, repeated, escaped and spaced."""
    write = draw(_writers)
    space = draw(_spaces)
    identifier = write(draw(st.just(_SDK_IDENTIFIER) | _nasty))
    members: list[tuple[str, str | None]] = [
        ("command", json.dumps(draw(_commands))),
        ("identifier", identifier),
        ("data", None),
    ]
    if draw(st.booleans()):
        for extra in draw(st.lists(st.tuples(_extra_keys, _extra_values), max_size=2)):
            members.insert(draw(st.integers(0, len(members))), extra)
        members += draw(st.lists(st.sampled_from(members), max_size=2))
        members = draw(st.permutations(members) | st.just(members))
    write_key = draw(_writers | st.just(json.dumps))
    parts: list[str | None] = [draw(_spaces), "{"]
    for index, (key, value) in enumerate(members):
        if index:
            parts += [",", space]
        parts += [write_key(key), draw(_spaces), ":", space, value]
    return Client((*parts, space, "}", draw(_spaces)))


_JUNK = [
    b'"',
    b"}",
    b",",
    b"\\",
    b"\0",
    b"\xff",
    b" ",
    b'"data":',
    b',"data":"b"',
    b',"identifier":"other"',
    b',"command":"subscribe"',
    b"null",
]


@st.composite
def _mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Something that happens to a frame: some of its bytes go, and others come."""
    changes = draw(
        st.lists(
            st.tuples(
                st.integers(-12, 400),
                st.integers(0, 8),
                st.sampled_from(_JUNK) | st.binary(max_size=4),
            ),
            min_size=1,
            max_size=3,
        )
    )

    def mutate(frame: bytes) -> bytes:
        for place, gone, come in changes:
            start = max(0, place + len(frame) if place < 0 else min(place, len(frame)))
            frame = frame[:start] + come + frame[start + gone :]
        return frame

    return mutate


_written_data = st.builds(lambda write, text: write(text), _writers, _nasty)
_rests = st.one_of(
    st.binary(max_size=12),
    st.lists(st.sampled_from([*_JUNK, b'"a"', b'"}'])).map(b"".join),
    _written_data.map(str.encode),
)


@given(
    client=_clients(),
    first=_written_data,
    datas=st.lists(_written_data | _extra_values, max_size=3),
    others=st.lists(_clients(), max_size=1),
    mutations=st.lists(_mutations(), max_size=4),
    rests=st.lists(_rests, max_size=3),
)
@example(  # a key that ends as the data's does
    client=Client(('{"command":"message","identifier":"i","x\\"data":"y","data":', None, "}")),
    first='"a"',
    datas=['"b"'],
    others=[],
    mutations=[],
    rests=[b'"c"', b'"c","identifier":"j"'],
)
@example(  # all that counts comes behind the data
    client=Client(('{"identifier":"i","data":', None, ',"command":"message"}')),
    first='"a"',
    datas=['"b"'],
    others=[],
    mutations=[],
    rests=[],
)
def test_what_is_read_by_an_opening_is_what_the_whole_frame_says(
    client: Client,
    first: str,
    datas: list[str],
    others: list[Client],
    mutations: list[Callable[[bytes], bytes]],
    rests: list[bytes],
) -> None:
    frame = client.frame(first)
    try:
        read = decode_from_client(frame)
    except BadMessage:
        return
    opening = DataOpening.learn(frame, read) if isinstance(read, ChannelData) else None
    if opening is None:
        return
    assert isinstance(read, ChannelData)
    similar = [each.frame(data) for each in [client, *others] for data in [first, *datas]]
    mutated = [mutate(each) for mutate in mutations for each in similar]
    made_up = [
        opening.opening + rest + end
        for rest in [b'"a"', b"5", *rests]
        for end in (b"}", b"", b"} ", b"]", b"}}")
    ]
    for each in similar + mutated + made_up:
        data = opening.read(each)
        assert data is None or decode_from_client(each) == ChannelData(read.identifier, data)


@given(_nasty, st.lists(_nasty, min_size=2, max_size=4), st.sampled_from(["", " "]))
def test_a_client_that_writes_in_the_usual_order_is_always_learned_and_always_read(
    identifier: str, datas: list[str], space: str
) -> None:
    frames = [
        json.dumps(
            {"command": "message", "identifier": identifier, "data": data},
            separators=("," + space, ":" + space),
        ).encode()
        for data in datas
    ]
    opening = _learned(frames[0])
    assert opening is not None
    assert [opening.read(frame) for frame in frames] == datas


# ---- identifiers --------------------------------------------------------------------------------


def test_an_sdks_identifier_means_one_command_at_a_time_and_no_cancel() -> None:
    assert decode_identifier(_SDK_IDENTIFIER) == BotIdentifier(1)
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


@given(_texts)
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
    assert encode_confirmation(_SDK_IDENTIFIER) == (
        b'{"identifier":' + quoted + b',"type":"confirm_subscription"}'
    )
    assert encode_rejection(_SDK_IDENTIFIER) == (
        b'{"identifier":' + quoted + b',"type":"reject_subscription"}'
    )
    assert ChannelFraming.of(_SDK_IDENTIFIER).message({"type": "pong"}) == (
        b'{"identifier":' + quoted + b',"message":{"type":"pong"}}'
    )
    assert SUBPROTOCOL == "actioncable-v1-json"


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


@given(_texts)
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


@given(_texts, st.dictionaries(_texts, _texts, max_size=3))
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
