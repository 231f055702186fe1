"""Chat completions: what we ask, and every shape of answer that models have."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import Reason
from eyeclaw_trio.protocol.completions import (
    ChatMessage,
    CompletionRequest,
    Delta,
    Done,
    Failure,
    decode_completion,
    decode_delta,
    decode_error,
)


def delta(**fields: object) -> str:
    return json.dumps({"choices": [{"delta": fields, "finish_reason": None}]})


KEY_REFUSED, REQUEST_REFUSED = Reason.MODEL_KEY_REFUSED, Reason.MODEL_REQUEST_REFUSED


def test_a_request_carries_model_messages_and_stream() -> None:
    messages = (ChatMessage("system", "短"), ChatMessage("user", "你好"))
    assert (
        CompletionRequest("glm-4", messages).encode()
        == (
            '{"model":"glm-4","messages":[{"role":"system","content":"短"},'
            '{"role":"user","content":"你好"}],"stream":true}'
        ).encode()
    )


def test_a_photo_stands_beside_the_words_and_words_alone_stay_a_text() -> None:
    url = "data:image/jpeg;base64,eA=="
    messages = (ChatMessage("user", "早"), ChatMessage("user", "这是什么？", (url,)))
    body = json.loads(CompletionRequest("m", messages).encode())
    assert body["messages"] == [
        {"role": "user", "content": "早"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "这是什么？"},
                {"type": "image_url", "image_url": {"url": url}},
            ],
        },
    ]
    assert "base64" not in repr(messages)


def test_user_and_max_tokens_are_sent_only_when_given() -> None:
    body = json.loads(CompletionRequest("m", (), "bot_1", max_tokens=16, stream=False).encode())
    assert body == {
        "model": "m",
        "messages": [],
        "stream": False,
        "user": "bot_1",
        "max_tokens": 16,
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (delta(content="你好"), "你好"),
        (delta(role="assistant", content=None), ""),
        (delta(role="assistant"), ""),
        (delta(reasoning_content="let me think"), ""),
        (delta(content=1), ""),
        (
            delta(content=[{"type": "text", "text": "a"}, {"type": "thinking", "thinking": []}]),
            "a",
        ),
        ('{"choices":[],"usage":{"total_tokens":3}}', ""),
        ('{"choices":[{}]}', ""),
        ('{"choices":[{"delta":null}]}', ""),
        ('{"choices":null}', ""),
        ('{"error":null,"choices":[{"delta":{"content":"a"}}]}', "a"),
        ("[]", ""),
        ("null", ""),
    ],
)
def test_what_is_no_text_is_an_empty_delta(data: str, text: str) -> None:
    assert decode_delta(data) == Delta(text)


def test_the_last_delta_says_why_it_is_the_last() -> None:
    data = '{"choices":[{"delta":{},"finish_reason":"stop"}]}'
    assert decode_delta(data) == Delta("", "stop")


@pytest.mark.parametrize("data", ["[DONE]", " [DONE] "])
def test_done_is_the_end(data: str) -> None:
    assert decode_delta(data) == Done()


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"message": "fell over", "type": "api_error"}, Failure(Reason.MODEL_ERROR, "fell over")),
        ("out of luck", Failure(Reason.MODEL_ERROR, "out of luck")),
        ({"message": "slow", "code": 429}, Failure(Reason.MODEL_BUSY, "slow")),
        ({"message": "slow", "status": "429"}, Failure(Reason.MODEL_BUSY, "slow")),
        ({"message": "pay", "code": "1113"}, Failure(Reason.MODEL_NO_CREDIT, "pay")),
        ({"code": "odd"}, Failure(Reason.MODEL_ERROR, "odd")),
        # As OpenClaw 2026.9.6 passes on what its model has refused.
        *(
            ({"message": words, "type": "invalid_request_error"}, Failure(reason, words))
            for words, reason in (
                ("400 bad request", REQUEST_REFUSED),
                ("scripted failure", REQUEST_REFUSED),
                ("401 wrong key", KEY_REFUSED),
                ("m is temporarily disabled after auth failure", KEY_REFUSED),
                ("m is temporarily disabled after billing failure", Reason.MODEL_NO_CREDIT),
            )
        ),
        *(
            ({"message": words, "type": "api_error"}, Failure(reason, words))
            for words, reason in (
                ("Provider a is temporarily disabled after auth/billing failure", KEY_REFUSED),
                ("No key for a (auth profile in cooldown): auth", Reason.MODEL_ERROR),
                ("400 the model does not take this", REQUEST_REFUSED),
                ("HTTP 400: the model does not take this", REQUEST_REFUSED),
                ("LLM request rejected: bad schema", REQUEST_REFUSED),
                ("HTTP 401 wrong key", KEY_REFUSED),
                ("429 slow down", Reason.MODEL_BUSY),
                ("4000 tokens were too many", Reason.MODEL_ERROR),
                ("it said 400 things", Reason.MODEL_ERROR),
            )
        ),
        ([1], Failure(Reason.MODEL_ERROR, "")),
    ],
)
def test_an_error_inside_a_good_response_is_a_failure(error: object, failure: Failure) -> None:
    assert decode_delta(json.dumps({"error": error})) == failure


def test_a_line_that_is_no_json_is_a_failure_that_does_not_quote_it() -> None:
    assert decode_delta("{secret") == Failure(
        Reason.MODEL_ERROR, "the model's answer is not JSON: line 1 column 2"
    )


def test_a_whole_answer_is_one_piece() -> None:
    body = '{"choices":[{"message":{"content":"你好"},"finish_reason":"stop"}]}'
    assert decode_completion(body.encode()) == Delta("你好", "stop")


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (401, b'{"error":{"message":"no"}}', Failure(Reason.MODEL_KEY_REFUSED, "no")),
        (403, b"", Failure(Reason.MODEL_KEY_REFUSED, "")),
        (402, b'{"error":"pay"}', Failure(Reason.MODEL_NO_CREDIT, "pay")),
        (404, b"Not Found", Failure(Reason.MODEL_NOT_FOUND, "Not Found")),
        (400, b'{"message":"no"}', Failure(Reason.MODEL_REQUEST_REFUSED, "no")),
        (422, b'{"detail":[1]}', Failure(Reason.MODEL_REQUEST_REFUSED, '{"detail":[1]}')),
        (429, b'{"error":{"code":"insufficient_quota"}}',
         Failure(Reason.MODEL_NO_CREDIT, "insufficient_quota")),
        (401, b'{"error":{"message":"no","type":"invalid_request_error"}}',
         Failure(Reason.MODEL_KEY_REFUSED, "no")),
        (500, b'{"error":{"message":"no","code":400}}', Failure(Reason.MODEL_ERROR, "no")),
        (302, b"", Failure(Reason.MODEL_ERROR, "")),
    ],
)  # fmt: skip
def test_each_status_has_its_reason_and_a_code_may_know_better(
    status: int, body: bytes, failure: Failure
) -> None:
    assert decode_error(status, body) == failure


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["choices", "delta", "content", "error", "code"]), inner)
    ),
)


@given(JSON)
def test_no_json_crashes_it(value: object) -> None:
    body = json.dumps(value)
    assert isinstance(decode_delta(body), Delta | Failure)
    assert isinstance(decode_completion(body.encode()), Delta | Failure)
    assert isinstance(decode_error(500, body.encode()), Failure)


@given(st.binary())
def test_no_bytes_crash_it(body: bytes) -> None:
    assert isinstance(decode_completion(body), Delta | Failure)
    assert isinstance(decode_error(500, body), Failure)
