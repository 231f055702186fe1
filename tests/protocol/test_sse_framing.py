"""Events as the glasses read them: the bytes of the platform's examples, and any text at all."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.protocol.sse import CONNECTED, KEEP_ALIVE, AnswerFraming

_CHARACTERS = st.characters(exclude_categories=["Cs"])
_TEXTS = st.text(_CHARACTERS)
_NASTY = st.sampled_from(
    [
        "",
        "[DONE]",
        "data: [DONE]",
        "\n",
        "\r",
        "\r\n\r\n",
        "\n\ndata: [DONE]\n\n",
        "event: done\ndata: {}",
        "\u2028\u2029\x85",
        '"}\n\n',
        "\x00",
        ": comment",
        "\ufeff",
        "😀",
    ]
)


def parse(stream: bytes) -> list[tuple[str, Any]]:
    """An independent reader of event streams, after the HTML standard; JSON in the data."""
    events: list[tuple[str, Any]] = []
    name, data = "", list[str]()
    for line in re.split("\r\n|\n|\r", stream.decode("utf-8")):
        if not line:
            if data:
                events.append((name or "message", json.loads("\n".join(data))))
            name, data = "", []
        elif not line.startswith(":"):
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                name = value
            elif key == "data":
                data.append(value)
            else:
                raise AssertionError(f"a line that no event of ours has: {line!r}")
    assert not name
    assert not data
    return events


def test_a_piece_of_text_has_the_bytes_of_the_platforms_example() -> None:
    assert (
        AnswerFraming("1021", "1").text("你好")
        == (
            "event: message\n"
            'data: {"role":"agent","type":"answer","answer_stream":"你好","message_id":"1021",'
            '"agent_id":"1","is_finish":false}\n\n'
        ).encode()
    )


def test_the_finishing_message_has_the_bytes_of_the_platforms_example() -> None:
    assert AnswerFraming("1021", "1").last_text("") == (
        b"event: message\n"
        b'data: {"role":"agent","type":"answer","answer_stream":"","message_id":"1021",'
        b'"agent_id":"1","is_finish":true}\n\n'
    )


def test_done_has_the_bytes_of_the_platforms_example_and_no_text() -> None:
    assert AnswerFraming("1021", "1").done() == (
        b"event: done\n"
        b'data: {"role":"agent","type":"answer","message_id":"1021","agent_id":"1",'
        b'"is_finish":true}\n\n'
    )


def test_an_apology_is_a_message_with_text_that_finishes() -> None:
    assert parse(AnswerFraming("1", "2").last_text("Bot 正忙，请稍后重试。")) == [
        (
            "message",
            {
                "role": "agent",
                "type": "answer",
                "answer_stream": "Bot 正忙，请稍后重试。",
                "message_id": "1",
                "agent_id": "2",
                "is_finish": True,
            },
        )
    ]


def test_the_event_for_the_edge_workers_clients_holds_the_message_only() -> None:
    assert AnswerFraming.error("出错") == 'event: error\ndata: {"message":"出错"}\n\n'.encode()


def test_the_first_bytes_are_the_comment_that_says_connected() -> None:
    assert CONNECTED == b": connected\n\n"


@pytest.mark.parametrize("comment", [CONNECTED, KEEP_ALIVE])
def test_comments_are_no_events_and_end_with_a_blank_line(comment: bytes) -> None:
    assert comment.startswith(b":")
    assert comment.endswith(b"\n\n")
    assert parse(comment) == []


@pytest.mark.parametrize(
    ("agent_id", "written"),
    [("1", b'"1"'), (1, b"1"), (1.5, b"1.5"), (2**53 + 1, b"9007199254740993")],
)
def test_an_agent_id_is_echoed_in_the_kind_it_came_in(
    agent_id: str | float, written: bytes
) -> None:
    framing = AnswerFraming("7", agent_id)
    for event in (framing.text("x"), framing.last_text(""), framing.done()):
        assert b'"agent_id":' + written + b"," in event


@given(
    message_id=_TEXTS | _NASTY,
    agent_id=_TEXTS | _NASTY | st.integers(-(2**63), 2**64 - 1),
    texts=st.lists(_TEXTS | _NASTY),
    last=_TEXTS | _NASTY,
    error=_TEXTS | _NASTY,
    keep_alive_at=st.integers(0, 5),
)
def test_an_independent_reader_parses_exactly_the_events_that_were_sent(
    message_id: str,
    agent_id: str | int,
    texts: list[str],
    last: str,
    error: str,
    keep_alive_at: int,
) -> None:
    framing = AnswerFraming(message_id, agent_id)
    frames = [framing.text(text) for text in texts]
    frames.insert(keep_alive_at, KEEP_ALIVE)
    stream = b"".join(
        [CONNECTED, *frames, framing.error(error), framing.last_text(last), framing.done()]
    )
    head = {"role": "agent", "type": "answer"}
    ids = {"message_id": message_id, "agent_id": agent_id}
    assert parse(stream) == [
        *(
            ("message", head | {"answer_stream": text} | ids | {"is_finish": False})
            for text in texts
        ),
        ("error", {"message": error}),
        ("message", head | {"answer_stream": last} | ids | {"is_finish": True}),
        ("done", head | ids | {"is_finish": True}),
    ]


@given(text=_TEXTS | _NASTY, message_id=_TEXTS | _NASTY)
def test_nothing_reads_as_the_done_mark_that_breaks_the_glasses(text: str, message_id: str) -> None:
    framing = AnswerFraming(message_id, "1")
    stream = framing.text(text) + framing.error(text) + framing.last_text(text) + framing.done()
    for line in re.split(rb"\r\n|\n|\r", stream):
        assert not re.match(rb"data:\s*\[DONE\]", line)


@given(text=_TEXTS | _NASTY)
def test_only_the_messages_carry_a_text(text: str) -> None:
    framing = AnswerFraming("1", "2")
    assert all("answer_stream" in data for _, data in parse(framing.text(text)))
    assert all("answer_stream" in data for _, data in parse(framing.last_text(text)))
    assert all("answer_stream" not in data for _, data in parse(framing.done()))


def test_the_keys_come_in_the_order_of_the_examples() -> None:
    framing = AnswerFraming("1", "2")
    with_text = ["role", "type", "answer_stream", "message_id", "agent_id", "is_finish"]
    for event, keys in (
        (framing.text("x"), with_text),
        (framing.last_text(""), with_text),
        (framing.done(), ["role", "type", "message_id", "agent_id", "is_finish"]),
    ):
        [(_, data)] = parse(event)
        assert list(data) == keys
