"""What chat clients say and hear (PROTOCOL 4), and text that no client can take for a signal."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.chat import (
    CANCELLED,
    DONE,
    LONGEST_PIECE,
    PONG,
    Ask,
    CancelAnswer,
    ChatFraming,
    ChatPing,
    UnknownSignal,
    decode_from_chat,
    encode_error,
    read_session_id,
    split_text,
)

# ---- client to gateway --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "read"),
    [
        ('{"message":"你好"}', Ask("你好")),
        ('{"message":"hi","provider":"nvidia2"}', Ask("hi", "nvidia2")),
        ('{"message":"hi","provider":null,"more":1}', Ask("hi")),
        ('{"type":"message","message":"hi"}', Ask("hi")),
        ('{"type":"cancel"}', CancelAnswer()),
        ('{"type":"ping"}', ChatPing()),
        ('{"type":"pong"}', UnknownSignal()),
    ],
)
def test_a_clients_frames_are_read(frame: str, read: object) -> None:
    assert decode_from_chat(frame) == read


@pytest.mark.parametrize(
    ("frame", "path"),
    [
        ("hello", ""),
        ("", ""),
        ("[]", ""),
        ("1", ""),
        ("NaN", ""),
        ('"hi"', ""),
        ("[" * 10_000, ""),
        ("{}", "message"),
        ('{"text":"hi"}', "message"),
        ('{"message":""}', "message"),
        ('{"message":" \\n"}', "message"),
        ('{"message":1}', "message"),
        ('{"message":null}', "message"),
        ('{"message":"\\ud800"}', ""),
        ('{"message":"hi","provider":1}', "provider"),
        ('{"type":1}', "message"),
    ],
)
def test_a_malformed_frame_is_refused_with_the_path_of_what_is_wrong(frame: str, path: str) -> None:
    with pytest.raises(BadMessage) as caught:
        decode_from_chat(frame)
    assert list(caught.value.faults) == [path]


@pytest.mark.parametrize(
    ("path", "session_id"),
    [
        ("/ws/stream/s-1", "s-1"),
        ("/ws/stream/a%20b", "a b"),
        ("/ws/stream/%E4%BD%A0%E5%A5%BD", "你好"),
        ("/ws/stream/你".encode().decode("latin-1"), "你"),
        ("/ws/stream/" + "x" * 128, "x" * 128),
    ],
)
def test_a_session_id_is_read_from_the_path(path: str, session_id: str) -> None:
    assert read_session_id(path) == session_id


@pytest.mark.parametrize(
    "raw", ["", "%20", "x" * 129, "a%2Fb", "%00", "a%0Ab", "%FF", "%E4%BD", "%E2%80%AE"]
)
def test_a_session_id_that_is_none_is_refused(raw: str) -> None:
    with pytest.raises(BadMessage):
        read_session_id(f"/ws/stream/{raw}")


# ---- gateway to client --------------------------------------------------------------------------


def test_signals_are_what_the_protocol_says() -> None:
    assert (DONE, CANCELLED, PONG) == (
        b'{"type":"done"}',
        b'{"type":"cancelled"}',
        b'{"type":"pong"}',
    )
    error = json.loads(encode_error("模型密钥无效。", "model_key_refused"))
    assert error == {"type": "error", "message": "模型密钥无效。", "code": "model_key_refused"}


def is_object(text: str) -> bool:
    """Whether any client could read it as an object: as it is, trimmed as JavaScript and Python
    trim, and with all taken away that does not show."""
    shown = "".join(each for each in text if each.isprintable())
    for candidate in (text, text.strip(), text.strip("\ufeff \t\r\n\0"), shown.strip()):
        try:
            if isinstance(json.loads(candidate, strict=False), dict):
                return True
        except ValueError:
            continue
    return False


def assert_harmless(text: str) -> None:
    parts = split_text(text)
    assert "".join(parts) == text
    assert all(parts)
    assert not [part for part in parts if is_object(part)]
    assert all(len(part) <= LONGEST_PIECE for part in parts)


SPACE = st.text(" \t\r\n\u3000\xa0\u2028\ufeff\x00\x1f\u200b", max_size=4)
OBJECTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
).map(json.dumps)


@given(st.text(max_size=40) | st.text('{}[]":,a \n\\', max_size=40))
@example("{}")
@example("{{}")
@example("{}}")
@example('{{"type":"done"}')
@example('{"type":"done"}}')
@example('{ { "type":"done"}}')
@example('{"a":{"type":"done"}}')
@example("\ufeff{}")
def test_no_frame_of_any_text_can_be_read_as_an_object(text: str) -> None:
    assert_harmless(text)


@given(SPACE, OBJECTS, SPACE)
def test_no_frame_of_a_json_text_with_space_around_it_can_be_read_as_an_object(
    before: str, value: str, after: str
) -> None:
    assert_harmless(before + value + after)


@given(st.integers(LONGEST_PIECE - 20, LONGEST_PIECE + 20), st.integers(0, 3))
def test_a_cut_of_a_long_text_makes_no_object_either(size: int, more: int) -> None:
    assert_harmless("x" * size + '{"type":"done"}' * more)
    assert_harmless('{"type":"done"}' * more + " " * size)


def test_an_object_is_cut_into_two_frames_and_other_text_is_left_alone() -> None:
    assert split_text(' {"type":"done"} ') == [" {", '"type":"done"} ']
    assert split_text("{}") == ["{", "}"]
    for text in ("", "你好", "[1]", "{a", "b}", 'say {"type":"done"}', '"done"', "{} and {} ."):
        assert split_text(text) == ([text] if text else [])


def test_pieces_as_json_are_objects_of_their_own_and_below_a_slice() -> None:
    framing = ChatFraming(is_json=True)
    assert framing.text('{"type":"done"}') == [
        b'{"type":"chunk","content":"{\\"type\\":\\"done\\"}"}'
    ]
    assert framing.text("") == []
    frames = framing.text("\x01" * 20_000)
    assert "".join(json.loads(frame)["content"] for frame in frames) == "\x01" * 20_000
    assert max(map(len, frames)) < 65_536
