"""What OpenAI clients read of an answer, whatever is in it (PROTOCOL 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import (
    AnswerTooLong,
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    GatewayStopping,
    KeyRevoked,
    Reason,
    RequestRefused,
    TryLater,
    TurnFailed,
)
from eyeclaw_trio.protocol.completions import Closing, Delta, Done, Usage, decode_delta, read_usage
from eyeclaw_trio.protocol.openai_answer import (
    CompletionFraming,
    describe_failure,
    describe_refusal,
    status_of,
)

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(_texts.filter(bool), max_size=5), _texts, st.booleans())
def test_any_text_comes_through_whatever_stands_in_it(
    pieces: list[str], model: str, includes_usage: bool
) -> None:
    framing = CompletionFraming("chatcmpl-1", model, 7, includes_usage)
    said = framing.role() + b"".join(map(framing.text, pieces))
    said += framing.ending(Closing("stop", Usage(1, 2, 3)))
    blocks = said.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    datas = [block.removeprefix("data: ") for block in blocks]
    # Our own reading of other servers is the judge here; elsewhere it is OpenAI's.
    read = [decode_delta(data) for data in datas]
    assert read[-1] == Done()
    usage = [Delta(usage=Usage(1, 2, 3))] if includes_usage else []
    assert read[:-1] == [Delta(), *map(Delta, pieces), Delta("", "stop"), *usage]
    assert {json.loads(data)["model"] for data in datas[:-1]} == {model}


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, Usage(1, 2, 3)),
        ({"prompt_tokens": 1, "completion_tokens": 2}, Usage(1, 2, 3)),
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 9}, Usage(1, 2, 9)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None),
        ({"prompt_tokens": None, "completion_tokens": 2}, None),
        ({"prompt_tokens": True, "completion_tokens": 2}, None),
        ({"prompt_tokens": -1, "completion_tokens": 2}, None),
        ({"prompt_tokens": 2**53, "completion_tokens": 2}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_a_usage_is_what_was_counted_and_never_made_up(value: object, usage: Usage | None) -> None:
    assert read_usage(value) == usage


@pytest.mark.parametrize(
    ("said", "reason"),
    [(None, "stop"), ("stop", "stop"), ("length", "length"), ("tool_calls", "stop")],
)
def test_the_reason_of_an_end_is_one_of_two(said: str | None, reason: str) -> None:
    whole = CompletionFraming("c", "m", 1).whole("x", Closing(said))
    assert whole["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (BotOffline(), 503, "server_error"),
        (GatewayStopping(), 503, "server_error"),
        (BotSilent(), 504, "server_error"),
        (BotFailed(Reason.MODEL_TIMEOUT), 504, "server_error"),
        (BotFailed(Reason.MODEL_ERROR), 502, "server_error"),
        (AnswerTooLong(), 502, "server_error"),
        (BotBusy(), 429, "rate_limit_error"),
        (KeyRevoked(), 401, "authentication_error"),
    ],
)
def test_each_failure_has_a_status_and_a_kind(failure: TurnFailed, status: int, kind: str) -> None:
    assert status_of(failure) == status
    assert describe_failure(failure, "words") == {
        "error": {"message": "words", "type": kind, "param": None, "code": failure.code}
    }


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (
            RequestRefused(400, "Invalid request", {"model": "is missing", "user": "is wrong"}),
            {
                "message": "Invalid request: model is missing; user is wrong",
                "type": "invalid_request_error",
                "param": "model",
                "code": None,
            },
        ),
        (TryLater("Shutting down"), {"type": "server_error", "code": "unavailable"}),
        (RequestRefused(429, "Too many"), {"type": "rate_limit_error"}),
        (RequestRefused(408, "Too slow"), {"type": "invalid_request_error", "param": None}),
    ],
)
def test_a_refusal_names_what_is_wrong(refused: RequestRefused, error: dict[str, Any]) -> None:
    assert describe_refusal(refused)["error"].items() >= error.items()
