"""What OpenAI clients may send, and what each fault is called (PROTOCOL 6)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import MOST_FAULTS
from eyeclaw_trio.protocol.openai_request import decode_completion_request
from eyeclaw_trio.protocol.rokid import Question, read_history


def read(**fields: Any) -> Question:
    body = {"model": "home", "messages": [{"role": "user", "content": "你好"}]} | fields
    return decode_completion_request(orjson.dumps(body))


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(BadMessage) as caught:
        read(**fields)
    return caught.value.faults


def test_the_last_entry_of_a_user_is_the_question_and_what_is_before_it_the_history() -> None:
    question = read(
        messages=[
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": "18 °C", "tool_call_id": "1"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": " b ", "name": "x"},
            {"role": "assistant", "content": "begun"},
        ]
    )
    assert question.text == "b"
    assert question.wishes.system == ("Be short.", "Be kind.")
    assert question.wishes.is_whole_history
    assert [(each.role, each.text) for each in read_history(question.messages)] == [
        ("user", "a"),
        ("agent", "no"),
    ]


def test_what_the_client_wishes_is_read_and_the_rest_accepted() -> None:
    wishes = read(
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        max_tokens=9,
        temperature=1,
        tools=[{"type": "function"}],
        response_format={"type": "text"},
        n=3,
    ).wishes
    assert (wishes.streams, wishes.includes_usage) == (True, True)
    assert (wishes.max_tokens, wishes.temperature) == (9, 1.0)
    assert read(max_completion_tokens=7, max_tokens=9).wishes.max_tokens == 7
    nothing = dict.fromkeys(
        ("stream", "stream_options", "user", "max_tokens", "max_completion_tokens", "temperature")
    )
    assert not read(**nothing).wishes.streams


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": None}, "model"),
        ({"model": " "}, "model"),
        ({"model": "x" * 129}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": [{"role": "user", "content": []}]}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": ["x"]}, "messages[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        ({"stream": 1}, "stream"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"user": 7}, "user"),
        ({"user": "x" * 129}, "user"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_every_wrong_field_is_named(fields: dict[str, Any], path: str) -> None:
    assert list(faults(**fields)) == [path]


def an_image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def test_images_of_the_question_come_with_it_with_and_without_words() -> None:
    parts = [
        {"type": "text", "text": "x"},
        an_image("https://a/b.jpg"),
        an_image("data:image/png;"),
    ]
    question = read(messages=[{"role": "user", "content": parts}])
    assert question.photos == ("https://a/b.jpg", "data:image/png;")
    assert question.asked.text == "x"
    alone = read(messages=[{"role": "user", "content": [an_image("https://a/b.jpg")]}])
    assert (alone.photos, alone.asked.text) == (("https://a/b.jpg",), "")


def test_what_is_wrong_with_an_image_is_named() -> None:
    for url in ("ftp://a/b.jpg", "file:///etc/passwd", ""):
        assert faults(messages=[{"role": "user", "content": [an_image(url)]}]) == {
            "messages[0].content[0].image_url.url": "must be an address of http:, https: or data:"
        }
    many = [an_image("https://a/b.jpg")] * 9
    assert list(faults(messages=[{"role": "user", "content": many}])) == ["messages"]


def test_entries_and_told_faults_are_bounded() -> None:
    entry = {"role": "user", "content": "x"}
    assert len(read(messages=[entry] * 2_000).messages) == 2_000
    assert faults(messages=[entry] * 2_001) == {"messages": "must hold at most 2000 entries"}
    assert len(faults(messages=[{"role": "x"}] * 2_000)) == MOST_FAULTS + 1


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "text", "messages", "model", "x"]), inner
        )
    ),
)


@given(st.fixed_dictionaries({"model": _json, "messages": _json | st.lists(_json)}))
def test_whatever_comes_is_read_or_refused_by_name(body: dict[str, Any]) -> None:
    try:
        assert decode_completion_request(orjson.dumps(body)).text
    except BadMessage:
        return


texts = st.text(min_size=1, max_size=9).filter(lambda text: text.strip() == text)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), texts), max_size=6), texts)
def test_what_a_bot_reads_of_the_history_is_what_the_client_sent(
    before: list[tuple[str, str]], asked: str
) -> None:
    entries = [{"role": role, "content": text} for role, text in [*before, ("user", asked)]]
    question = read(messages=entries)
    assert question.text == asked
    roles = {"user": "user", "assistant": "agent"}
    history = [(entry.role, entry.text) for entry in read_history(question.messages)]
    assert history == [(roles[role], text) for role, text in before]
