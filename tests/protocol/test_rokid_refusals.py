"""Metadata, what is refused of a question, and the bot's half of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rokid_bodies import a_body, ask, faults_of

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.protocol.rokid import Entry, decode_question, flatten_metadata, read_history


@pytest.mark.parametrize("metadata", [{}, {"metadata": None}, {"metadata": {}}])
def test_metadata_may_be_absent_null_or_empty(metadata: dict[str, Any]) -> None:
    question = ask(a_body(**metadata))
    assert (question.metadata, question.original_metadata) == ({}, {})


def test_nested_metadata_is_lifted_and_the_original_stays_as_it_came() -> None:
    nested = {"context": {"lang": "en-US", "weather": "晴"}, "extra": [1, {"x": None}]}
    question = ask(a_body(metadata=nested))
    assert question.metadata == {
        "lang": "en-US",
        "weather": "晴",
        "extra": [1, {"x": None}],
    }
    assert question.original_metadata == nested


def test_unknown_metadata_is_kept_flat_and_nested() -> None:
    assert flatten_metadata({"new": 1}) == {"new": 1}
    assert flatten_metadata({"context": {"new": 1}, "other": 2}) == {"new": 1, "other": 2}


@pytest.mark.parametrize("context", [None, "x", 5, ["lang"]])
def test_a_context_that_is_no_object_is_passed_on_like_any_other_key(context: object) -> None:
    assert flatten_metadata({"context": context, "lang": "en"}) == {
        "context": context,
        "lang": "en",
    }


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"message_id": None}, {"message_id"}),
        ({"message_id": True}, {"message_id"}),
        ({"message_id": ["1"]}, {"message_id"}),
        ({"message_id": {}}, {"message_id"}),
        ({"agent_id": None}, {"agent_id"}),
        ({"agent_id": False}, {"agent_id"}),
        ({"agent_id": [1]}, {"agent_id"}),
        ({"user_id": True}, {"user_id"}),
        ({"user_id": {}}, {"user_id"}),
        ({"message": None}, {"message"}),
        ({"message": []}, {"message"}),
        ({"message": "你好"}, {"message"}),
        ({"message": {"role": "user", "text": "你好"}}, {"message"}),
        ({"message": ["你好"]}, {"message[0]"}),
        ({"message": [None]}, {"message[0]"}),
        ({"message": [[]]}, {"message[0]"}),
        ({"message": [{"text": "x"}]}, {"message[0].role"}),
        ({"message": [{"role": None, "text": "x"}]}, {"message[0].role"}),
        ({"message": [{"role": "system", "text": "x"}]}, {"message[0].role"}),
        ({"message": [{"role": "USER", "text": "x"}]}, {"message[0].role"}),
        ({"message": [{"role": "user", "type": "video", "text": "x"}]}, {"message[0].type"}),
        ({"message": [{"role": "user", "type": 1, "text": "x"}]}, {"message[0].type"}),
        ({"message": [{"role": "user", "text": 5}]}, {"message[0].text"}),
        ({"message": [{"role": "user", "content": ["x"]}]}, {"message[0].content"}),
        ({"message": [{"role": "user", "image_url": {"url": "x"}}]}, {"message[0].image_url"}),
        ({"message": [{"role": "agent", "text": "x"}]}, {"message"}),
        ({"message": [{"role": "user"}]}, {"message"}),
        ({"message": [{"role": "user", "text": ""}]}, {"message"}),
        ({"message": [{"role": "user", "type": "text", "text": " \n"}]}, {"message"}),
        ({"message": [{"role": "user", "type": "image", "text": None}]}, {"message"}),
        (
            {"message": [{"role": "user", "text": "first"}, {"role": "user", "text": None}]},
            {"message"},
        ),
        ({"metadata": []}, {"metadata"}),
        ({"metadata": "x"}, {"metadata"}),
        ({"metadata": 1}, {"metadata"}),
        ({"bot_id": "one"}, {"bot_id"}),
        ({"bot_id": "-1"}, {"bot_id"}),
        ({"bot_id": "²"}, {"bot_id"}),
        ({"bot_id": "9" * 30}, {"bot_id"}),
        ({"bot_id": 1.0}, {"bot_id"}),
        ({"bot_id": True}, {"bot_id"}),
        (
            {
                "message_id": None,
                "agent_id": "x" * 129,
                "user_id": [],
                "metadata": 5,
                "message": [
                    {"role": "user", "text": 1},
                    {"role": "robot", "type": "audio"},
                    {"role": "user", "text": "fine"},
                ],
            },
            {
                "message_id",
                "agent_id",
                "user_id",
                "metadata",
                "message[0].text",
                "message[1].role",
                "message[1].type",
            },
        ),
    ],
)
def test_every_wrong_field_is_named(changes: dict[str, Any], named: set[str]) -> None:
    assert set(faults_of(a_body(**changes))) == named


def test_every_missing_field_is_named() -> None:
    assert faults_of({}) == {
        "message_id": "is missing",
        "agent_id": "is missing",
        "message": "is missing",
    }


@pytest.mark.parametrize("body", [[], "x", 5, None, True, [a_body()]])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert list(faults_of(body)) == [""]


@pytest.mark.parametrize(
    "body", [b"", b"message_id=1", b"{", b"\xff\xfe", b'{"message_id":"\xff"}', b"[" * 10_000]
)
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage):
        decode_question(body)


def test_unknown_fields_are_ignored_everywhere() -> None:
    body = a_body(surprise={"a": 1}, message=[{"role": "user", "text": "x", "new": [None]}])
    assert ask(body).text == "x"


_SECRET = "hunter2"


def complaint_about(body: object) -> str:
    """What is said of a body, empty when it is a good question."""
    try:
        ask(body)
    except BadMessage as bad:
        return f"{bad} {bad.faults}"
    return ""


@given(
    st.dictionaries(
        st.sampled_from(["message_id", "agent_id", "user_id", "metadata", "bot_id", "message"]),
        st.sampled_from(
            [
                _SECRET * 30,
                [_SECRET],
                {_SECRET: _SECRET},
                [{_SECRET: _SECRET, "role": _SECRET, "type": _SECRET, "text": [_SECRET]}],
                [{"role": "user", "image_url": {_SECRET: 1}}],
            ]
        ),
    )
)
def test_nothing_that_was_sent_is_in_the_faults(changes: Mapping[str, object]) -> None:
    assert _SECRET not in complaint_about(a_body(**changes))


# ---- any question at all ------------------------------------------------------------------------

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    message_id=_texts.filter(str.strip) | st.integers(0, 2**64 - 1),
    agent_id=_texts.filter(str.strip) | st.integers(0, 2**64 - 1),
    user_id=st.none() | _texts,
    text=_texts.filter(str.strip),
    metadata=st.dictionaries(_texts, _texts | st.integers(0, 5) | st.none(), max_size=3),
)
def test_any_unicode_in_any_field_comes_through(
    message_id: str | int,
    agent_id: str | int,
    user_id: str | None,
    text: str,
    metadata: dict[str, object],
) -> None:
    question = ask(
        a_body(
            message_id=message_id,
            agent_id=agent_id,
            user_id=user_id,
            metadata=metadata,
            message=[{"role": "user", "type": "text", "text": text}],
        )
    )
    assert question.message_id == str(message_id)
    assert question.agent_id == agent_id
    assert question.user_id == user_id
    assert question.text == text.strip()
    assert question.original_metadata == metadata


def test_metadata_that_is_too_deep_to_be_passed_on_is_refused_at_the_door() -> None:
    for levels in (1, 50, 200, 255, 500, 1_000):
        deep = b"[" * levels + b"]" * levels
        body = (
            b'{"message_id":"1","agent_id":"1","message":[{"role":"user","text":"x"}],'
            b'"metadata":{"deep":' + deep + b"}}"
        )
        try:
            question = decode_question(body)
        except BadMessage:
            assert levels > 64
            continue
        assert encode({"message": {"metadata": {"original": question.original_metadata}}})


# ---- the bot's half -----------------------------------------------------------------------------


def test_history_is_read_from_a_command_as_it_was_from_the_question() -> None:
    messages = (
        {"role": "user", "type": "text", "text": "一"},
        {"role": "assistant", "content": "二"},
        {"role": "user", "type": "image", "text": "u"},
        {"role": "assistant", "content": "一朵花"},
        {"role": "user", "content": "三"},
    )
    assert read_history(messages) == (
        Entry("user", "一"),
        Entry("agent", "二"),
        Entry("user", "", "u"),
        Entry("agent", "一朵花"),
    )


def test_what_cannot_be_read_of_a_history_is_left_out() -> None:
    messages: tuple[dict[str, Any], ...] = (
        {"role": "robot", "text": "x"},
        {"text": "x"},
        {"role": "agent", "text": 5},
        {"role": "agent", "text": ""},
        {"role": "agent", "text": "good"},
        {"role": "user", "text": "question"},
    )
    assert read_history(messages) == (Entry("agent", "good"),)
    assert read_history(()) == ()
