"""Bad requests over real sockets: a table of what is sent, and the status that comes back."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trio
from fakes import assert_whole
from house import House
from http_target import (
    BODIES,
    GOOD,
    LIMITED,
    MEBIBYTE,
    REQUEST_TIMEOUT,
    REVOKED,
    WHOLE,
    Response,
    Target,
    ask,
    changed,
    chunked,
    get,
    raw,
    receive_response,
    upgrade,
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    house = House(tmp_path_factory.mktemp("target"))
    house.configure(
        f"[patience]\nrequest_timeout = {REQUEST_TIMEOUT}\n"
        '[[bots]]\nname = "home"\nprovider = "echo"\ndefault = true\n'
        '[[bots]]\nname = "other"\nprovider = "echo"\n'
    )
    with house.serve_shared():
        pass  # the bots of the configuration are entered, so that a key can name one
    keys = {
        GOOD: house.command_now("key", "create", "good", "--json").result["key"],
        LIMITED: house.command_now("key", "create", "b", "--bot", "2", "--json").result["key"],
    }
    revoked = house.command_now("key", "create", "revoked", "--json").result
    assert house.command_now("key", "revoke", str(revoked["id"])).status == 0
    with house.serve_shared() as gateway:
        yield Target(gateway, {**keys, REVOKED: revoked["key"]})


@pytest.mark.parametrize("case", BODIES)
async def test_a_body_that_is_no_question_gets_400_with_every_wrong_field_named(
    target: Target, case: str
) -> None:
    sent, fields = BODIES[case]
    response = await target.talk(sent)
    assert response.status == 400, response
    assert list(response.error["detail"]) == fields


REFUSALS: Final = {
    "no key": (ask(without=["authorization"]), 401),
    "another scheme": (ask("Authorization: Basic YWs6YWs="), 401),
    "a key without its scheme": (ask("Authorization: <good>"), 401),
    "an empty key": (ask("Authorization: Bearer "), 401),
    "an unknown key": (ask(key=b"ak_unknown"), 401),
    "a revoked key": (ask(key=REVOKED), 401),
    "a key of another bot": (ask(key=LIMITED), 403),
    "an unknown path": (ask(target="/nothing"), 404),
    "a path with a slash too many": (ask(target="/sse/rokid/"), 404),
    "the admin's page": (get("/metrics"), 404),
    "GET": (get("/sse/rokid"), 405),
    "PUT": (ask(method="PUT"), 405),
    "DELETE": (ask(method="DELETE", target="/metis/agent/api/sse"), 405),
    "POST to health": (ask(target="/health"), 405),
    "another content type": (ask("Content-Type: text/plain"), 415),
    "a form": (ask("Content-Type: application/x-www-form-urlencoded"), 415),
    "a compressed body": (raw(gzip.compress(b"{}"), "Content-Encoding: gzip"), 415),
    "a body over 1 MiB, by its length": (ask(f"Content-Length: {MEBIBYTE + 1}"), 413),
    "a body over 1 MiB, all of it": (raw(b" " * (2 * MEBIBYTE)), 413),
    "a body over 1 MiB, in chunks": (chunked(*[b" " * 65_536] * 17), 413),
    "both lengths": (ask("Transfer-Encoding: chunked", f"Content-Length: {MEBIBYTE}"), 400),
    "two lengths": (ask("Content-Length: 5", "Content-Length: 6"), 400),
    "a length that is none": (ask("Content-Length: -1"), 400),
    "a bad chunk": (chunked(b"{", end=b"zz\r\n\r\n"), 400),
    "an unknown transfer encoding": (
        ask("Transfer-Encoding: gzip", without=["content-length"]),
        501,
    ),
    "a head over 16 KiB": (ask("X-Long: " + "x" * 20_000), 431),
    "a head of many lines": (ask(*[f"X-{n}: {'y' * 50}" for n in range(500)]), 431),
    "no host": (ask(without=["host"]), 400),
    "a header with a space in its name": (ask("X Y: z"), 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "half a head": (ask()[:60], 408),
    "half a body": (ask("Content-Length: 1000"), 408),
    "a chunk that never ends": (chunked(b"{", end=b""), 408),
    "an upgrade without its key": (upgrade("Sec-WebSocket-Key: "), 400),
    "an upgrade of another version": (upgrade("Sec-WebSocket-Version: 8"), 426),
    "no upgrade at all": (get("/cable"), 426),
    "an upgrade of a foreign page": (upgrade("Origin: https://evil.example"), 404),
    "an upgrade of a page without origin": (upgrade("Origin: null"), 404),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_request_that_cannot_be_served_gets_its_status(target: Target, case: str) -> None:
    sent, status = REFUSALS[case]
    response = await target.talk(sent)
    assert response.status == status, response
    assert response.error["error"]
    match status:
        case 401:
            assert response.headers["www-authenticate"] == "Bearer"
        case 405:
            allowed = set(response.headers["allow"].split(", "))
            assert allowed == ({"GET", "HEAD", "OPTIONS"} if "health" in case else SSE_METHODS)
        case 413:
            assert response.error["detail"] == {"limit": MEBIBYTE}


SSE_METHODS: Final = {"POST", "OPTIONS"}


async def test_nothing_that_was_sent_comes_back_in_a_refusal(target: Target) -> None:
    mark = "<script>4711</script>"
    for sent in (
        ask(target=f"/{mark}"),
        ask(f"X-Mark: {mark}", key=mark.encode()),
        changed(message_id={mark: mark}, message=[{"role": mark, "type": mark}]),
        raw(mark.encode()),
    ):
        response = await target.talk(sent)
        assert response.status >= 400
        assert b"4711" not in response.body
        assert "4711" not in str(response.headers)


# --- what is odd and yet right --------------------------------------------------------------------


def heard(response: Response) -> list[str]:
    """The blocks of an answer, behind its first comment."""
    assert response.status == 200, response
    connected, *blocks, rest = response.body.decode().split("\n\n")
    assert (connected, rest) == (": connected", "")
    return blocks


ODD: Final = {
    "the scheme in capitals": ask("Authorization: BEARER <good>"),
    "ids of 128 characters": changed(message_id="1" * 128, user_id="用" * 128),
    "a body in chunks": chunked(json.dumps(WHOLE).encode()[:20], json.dumps(WHOLE).encode()[20:]),
    "a content type with its charset": ask("Content-Type: application/json; charset=UTF-8"),
    "unknown fields": changed(nonsense={"a": [1]}, metadata={"context": {"b": 2}}),
    "an absolute address": ask(target="http://gateway.example/sse/rokid"),
    "a query": ask(target="/sse/rokid?from=platform"),
}


@pytest.mark.parametrize("case", ODD)
async def test_what_is_odd_but_right_is_answered(target: Target, case: str) -> None:
    assert_whole(heard(await target.talk(ODD[case])), "你好")


async def test_a_client_of_http_1_0_is_answered_up_to_the_end_of_the_connection(
    target: Target,
) -> None:
    response = await target.talk(ask(version="1.0"))
    assert "transfer-encoding" not in response.headers
    assert_whole(heard(response), "你好")


async def test_a_client_that_expects_100_continue_is_told_to_go_on(target: Target) -> None:
    head, _, body = ask("Expect: 100-continue").partition(b"\r\n\r\n")
    head = head.replace(GOOD, target.keys[GOOD].encode())
    with trio.fail_after(10):
        async with await trio.open_tcp_stream(target.gateway.host, target.gateway.port) as stream:
            await stream.send_all(head + b"\r\n\r\n")
            assert bytes(await stream.receive_some()) == b"HTTP/1.1 100 \r\n\r\n"
            await stream.send_all(body)
            assert_whole(heard(await receive_response(stream, "POST")), "你好")


async def test_health_can_be_asked_with_get_and_head_and_without_a_key(target: Target) -> None:
    shown = await target.talk(get("/health"))
    head = await target.talk(get("/health", method="HEAD"), "HEAD")
    assert (shown.status, head.status) == (200, 200)
    assert json.loads(shown.body)["status"] == "ok"
    assert head.body == b""
    assert int(head.headers["content-length"]) == len(shown.body)


@pytest.mark.parametrize("path", ["/sse/rokid", "/metis/agent/api/sse", "/health", "/cable"])
async def test_options_says_what_is_allowed_and_lets_no_foreign_page_in(
    target: Target, path: str
) -> None:
    origin = ("Origin: https://evil.example", "Access-Control-Request-Method: POST")
    response = await target.talk(get(path, *origin, method="OPTIONS"), "OPTIONS")
    assert (response.status, response.body) == (204, b"")
    assert "OPTIONS" in response.headers["allow"].split(", ")
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_an_upgrade_with_a_wrong_token_is_let_in_to_be_told(target: Target) -> None:
    bot = {"id": 1, "token": "wrong"}
    with trio.fail_after(5):
        async with target.gateway.sdk(bot) as sdk:
            told = {"type": "disconnect", "reason": "unauthorized", "reconnect": False}
            assert await sdk.receive() == told


async def test_two_questions_at_once_in_one_write_are_answered_one_after_the_other(
    target: Target,
) -> None:
    with trio.fail_after(10):
        async with await trio.open_tcp_stream(target.gateway.host, target.gateway.port) as stream:
            sent = ask("Connection: keep-alive") + ask("Connection: close")
            await stream.send_all(sent.replace(GOOD, target.keys[GOOD].encode()))
            received = b""
            while data := await stream.receive_some():
                received += data
    assert len(re.findall(rb"HTTP/1\.1 200 ", received)) == 2
    first, second = received.split(b"event: done")[:2]
    assert first.count(b"HTTP/1.1 ") == second.count(b"HTTP/1.1 ") == 1


async def test_guessing_keys_is_braked_and_a_good_key_still_passes(tmp_path: Path) -> None:
    async with House(tmp_path).serve() as gateway, gateway.glasses() as glasses:
        for status in [401] * 20 + [429]:
            await glasses.send(key="ak_guessed")
            response = await glasses.receive_head()
            await glasses.receive_body()
            assert response.status_code == status
        assert 0 < int(dict(response.headers)[b"retry-after"]) <= 60
        await gateway.send(glasses)
        assert_whole(await glasses.receive_answer(), "你好")
