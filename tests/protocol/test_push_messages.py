"""What asks for a push, what the platform is sent, and what its answer means (PROTOCOL 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import BadMessage, PushFailed
from eyeclaw_trio.protocol.push import (
    LONGEST_PUSH,
    PushMessage,
    PushRequest,
    check_verdict,
    decode_push_request,
    shorten_push,
)


def read(**fields: Any) -> PushRequest:
    return decode_push_request(json.dumps(fields).encode())


def test_a_push_is_a_text_for_somebody_with_a_title_before_it() -> None:
    assert read(text="水开了") == PushRequest("水开了")
    assert read(text="x", user_id=7).user_id == "7"
    assert read(text="水开了", user_id="u", title="厨房").content == "厨房\n水开了"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "text"),
        ({"text": " "}, "text"),
        ({"text": 1}, "text"),
        ({"text": "x" * 20_001}, "text"),
        ({"text": "x", "user_id": ""}, "user_id"),
        ({"text": "x", "user_id": "u" * 129}, "user_id"),
        ({"text": "x", "title": "t" * 201}, "title"),
    ],
)
def test_what_is_wrong_with_a_push_is_named(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(BadMessage) as caught:
        read(**fields)
    assert list(caught.value.faults) == [path]


def test_the_callback_has_the_form_that_is_known_from_the_field() -> None:
    message = PushMessage("push_1", "wearer", "agent", "水开了")
    assert json.loads(message.encode()) == {
        "message_id": "push_1",
        "account_id": "wearer",
        "message": {"agent_id": "agent", "content": "水开了"},
    }


@given(st.text())
def test_what_is_pushed_is_never_longer_than_it_may_be_and_else_as_it_was(text: str) -> None:
    assert shorten_push(text) == text.strip()
    long = shorten_push("x" * LONGEST_PUSH + text + "y")
    assert len(long) == LONGEST_PUSH
    assert long.endswith("…")


@pytest.mark.parametrize("status", [200, 202])
def test_it_has_worked_where_the_platform_says_so_plainly(status: int) -> None:
    check_verdict(status, b'{"code":1,"data":{"success":true},"msg":"ok"}')


@pytest.mark.parametrize(
    ("status", "body", "code", "is_final"),
    [
        (401, b"", "push_key_refused", True),
        (403, b'{"code":1,"data":{"success":true}}', "push_key_refused", True),
        (500, b"", "push_platform_failed", False),
        (302, b"", "push_platform_failed", False),
        (200, b"", "push_not_understood", False),
        (200, b"<html>", "push_not_understood", False),
        (200, b"[]", "push_not_understood", False),
        (200, b"{}", "push_refused", False),
        (200, b'{"code":0,"data":{"success":true}}', "push_refused", False),
        (200, b'{"code":true,"data":{"success":true}}', "push_refused", False),
        (200, b'{"code":"1","data":{"success":true}}', "push_refused", False),
        (200, b'{"code":1}', "push_refused", False),
        (200, b'{"code":1,"data":{"success":1}}', "push_refused", False),
    ],
)
def test_whatever_does_not_say_plainly_that_it_worked_has_failed(
    status: int, body: bytes, code: str, is_final: bool
) -> None:
    with pytest.raises(PushFailed) as caught:
        check_verdict(status, body)
    assert (caught.value.code, caught.value.is_final) == (code, is_final)


def test_nothing_that_the_platform_says_is_repeated() -> None:
    with pytest.raises(PushFailed) as caught:
        check_verdict(200, b'{"code":-3,"msg":"secret","data":"secret"}')
    assert str(caught.value) == "push_refused: code -3"
