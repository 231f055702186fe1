"""How one client's frames begin: learned once, and never read otherwise than as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable

import orjson
import pytest
from attrs import frozen
from cable_strategies import SDK_IDENTIFIER
from hypothesis import example, given
from hypothesis import strategies as st
from message_strategies import texts

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.cable import (
    BotIdentifier,
    ChannelData,
    DataOpening,
    decode_from_client,
    encode_data,
    encode_identifier,
)

_SDK_OPENING = (
    rb'{"command":"message","identifier":"{\"channel\":\"BotChannel\",\"bot_id\":\"1\"}","data":'
)


def _learned(frame: bytes | str) -> DataOpening | None:
    read = decode_from_client(frame)
    assert isinstance(read, ChannelData)
    return DataOpening.learn(frame, read)


def _sdk_frame(data: str) -> bytes:
    return orjson.dumps({"command": "message", "identifier": SDK_IDENTIFIER, "data": data})


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
    texts
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
            SDK_IDENTIFIER,
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
    identifier = write(draw(st.just(SDK_IDENTIFIER) | _nasty))
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
