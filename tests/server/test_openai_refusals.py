"""Every way to be refused where OpenAI clients ask: one form, whoever refuses (PROTOCOL 6)."""

from __future__ import annotations

import json
from typing import Any

import attrs
import h11
import pytest
from fakes import LIMITED_KEY, make_directory
from front_door_talk import post, talk
from openai_fakes import PROVIDER, OpenAIGateway, ask, completion, read_json_answer
from trio.testing import MockClock

from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.server.completions import PATH
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

BODY = encode(completion())


def read(received: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the error of what came back, whose form is that of OpenAI."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("Host", "x")]))
    client.receive_data(received)
    response = client.next_event()
    assert isinstance(response, h11.Response), received
    assert (b"content-type", b"application/json") in list(response.headers)
    data = client.next_event()
    assert isinstance(data, h11.Data)
    said = json.loads(bytes(data.data))
    assert list(said) == ["error"]
    error = said["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert isinstance(error["message"], str)
    assert error["message"]
    return response.status_code, error


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        (post(target="/v1/nonsense"), 404, "invalid_request_error"),
        (post(target="/v1"), 404, "invalid_request_error"),
        (post(target="/v1/chat/completions/"), 404, "invalid_request_error"),
        (post(target="/v1/models"), 405, "invalid_request_error"),
        (post(target=PATH).replace(b"POST", b"GET"), 405, "invalid_request_error"),
        (post(BODY, target=PATH, lines=["Content-Type: text/plain"]), 415, "invalid_request_error"),
        (post(BODY, target=PATH, lines=["Content-Encoding: gzip"]), 415, "invalid_request_error"),
        (post(BODY, target=PATH, lines=["Content-Encoding: br"]), 415, "invalid_request_error"),
        (post(b"{", target=PATH), 400, "invalid_request_error"),
        (post(b"\xff", target=PATH), 400, "invalid_request_error"),
        (post(target=PATH, length=2_000_000), 413, "invalid_request_error"),
        (post(target=PATH, lines=["Transfer-Encoding: chunked"]), 400, "invalid_request_error"),
        (
            post(b"xyz\r\n", target=PATH, length=-1, lines=["Transfer-Encoding: chunked"]),
            400,
            "invalid_request_error",
        ),
        (post(target=PATH, length=-1, lines=["Transfer-Encoding: gzip"]), 501, "server_error"),
        (post(target=PATH, lines=["Content-Length: 3"]), 400, "invalid_request_error"),
        (post(target=PATH, lines=["X-Long: " + "x" * 20_000]), 431, "invalid_request_error"),
        (post(target=PATH).replace(b"Host: x\r\n", b""), 400, "invalid_request_error"),
        (post(target=PATH, lines=["no header"]), 400, "invalid_request_error"),
        (post(target=PATH)[:60], 408, "invalid_request_error"),  # of the head
        (post(target=PATH, length=10), 408, "invalid_request_error"),  # of the body
        (post(target=PATH + "?" + "&".join("a" * 200)), 400, "invalid_request_error"),
        (post(target="http://gateway" + PATH)[:60], 408, "invalid_request_error"),
    ],
)
async def test_what_is_refused_before_its_door_has_the_form_of_openai(
    sent: bytes, status: int, kind: str, autojump_clock: MockClock
) -> None:
    told, error = read(await talk(OpenAIGateway(), sent))
    assert (told, error["type"]) == (status, kind)
    assert error["code"] is None


async def test_behind_a_good_request_a_bad_one_has_that_form_too(
    autojump_clock: MockClock,
) -> None:
    gateway = OpenAIGateway()
    async with gateway.glasses() as client:
        await ask(client, b"{")
        response, _ = await read_json_answer(client)
        assert response.status_code == 400
        await client.stream.send_all(post(target="/v1/x")[:40])
        status, error = read(bytes(await client.stream.receive_some()))
    assert (status, error["type"]) == (408, "invalid_request_error")


async def test_a_head_that_tells_no_path_is_refused_as_before(autojump_clock: MockClock) -> None:
    for sent in (b"nonsense\r\n\r\n", b"POST /v1", b"POST\r\n\r\n"):
        received = await talk(OpenAIGateway(), sent)
        assert b'{"error":"' in received


async def test_guessing_at_keys_is_braked_in_that_form(autojump_clock: MockClock) -> None:
    gateway = OpenAIGateway()
    told = []
    for _ in range(22):
        async with gateway.glasses() as client:
            await ask(client, key="ak_wrong")
            response, said = await read_json_answer(client)
            told.append((response.status_code, said["error"]["code"]))
    assert told[0] == (401, "invalid_api_key")
    assert told[-1] == (429, "rate_limit_exceeded")


async def test_a_bug_is_told_in_that_form_and_says_nothing_of_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def break_down(_: Request, __: HttpConnection) -> None:
        raise ZeroDivisionError("secret")

    gateway = OpenAIGateway()
    gateway.open_doors({PATH: {"POST": break_down}})
    async with gateway.glasses() as client:
        await ask(client)
        response, said = await read_json_answer(client)
    assert response.status_code == 500
    assert said == {
        "error": {"message": "Internal error", "type": "server_error", "param": None, "code": None}
    }


async def test_a_key_that_may_not_ask_there_is_told_in_that_form() -> None:
    async with OpenAIGateway().glasses() as client:
        await client.send(method="GET", target="/v1/models/home", key=LIMITED_KEY)
        response, said = await read_json_answer(client)
    assert (response.status_code, said["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("model", ["eyeclaw", "home", PROVIDER])
async def test_a_wearer_whom_the_owner_has_blocked_is_told_in_that_form(model: str) -> None:
    refused = attrs.evolve(make_directory(default=1), standings={"anna": "blocked"})
    gateway = OpenAIGateway(directory=refused)
    async with gateway.glasses() as client:
        await ask(client, completion(user="anna", model=model))
        response, said = await read_json_answer(client)
    assert (response.status_code, said["error"]["code"]) == (403, "not_allowed")
    assert gateway.traces[0].outcome is Outcome.REJECTED
