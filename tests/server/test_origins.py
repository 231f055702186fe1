"""Which web pages may come: what is allowed, the gateway's own address, and what the log says."""

from __future__ import annotations

import json

import pytest
import structlog
import trio
from cable_fakes import CableGateway
from chat_fakes import ChatGateway
from fakes import KEY, TOKEN, Gateway, question

from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.wire.request_reader import Request


def request(origin: str | None, host: str = "gw.example:8001") -> Request:
    headers = {"host": host} | ({"origin": origin} if origin is not None else {})
    return Request("GET", "/cable", {}, headers, "192.0.2.1")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://gw.example:8001", "gw.example:8001"),
        ("https://gw.example:8001", "gw.example:8001"),
        ("https://gw.example", "gw.example"),
        ("https://gw.example", "gw.example:443"),
        ("http://gw.example", "gw.example:80"),
        ("http://GW.example:8001", "gw.EXAMPLE:8001"),
        ("http://127.0.0.1:8001", "127.0.0.1:8001"),
        ("http://[::1]:8001", "[::1]:8001"),
    ],
)
def test_the_gateways_own_address_is_fine_with_the_port_as_it_was_asked(
    origin: str, host: str
) -> None:
    assert Origins().allows(request(origin, host))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://gw.example", "gw.example:8001"),
        ("http://gw.example:8002", "gw.example:8001"),
        ("https://gw.example", "gw.example:80"),
        ("https://evil.example:8001", "gw.example:8001"),
        ("https://gw.example:8001.evil.example", "gw.example:8001"),
        ("https://gw.example:8001@evil.example", "gw.example:8001"),
        ("https://user@gw.example:8001", "gw.example:8001"),
        ("https://gw.example:8001/path", "gw.example:8001"),
        ("https://gw.example:99999", "gw.example:99999"),
        ("ftp://gw.example:8001", "gw.example:8001"),
        ("chrome-extension://gw.example", "gw.example"),
        ("null", "gw.example:8001"),
        ("null", ""),
        ("", ""),
        ("http://", ""),
        ("http://[", "["),
        ("file://", ""),
    ],
)
def test_anything_else_is_a_foreign_page(origin: str, host: str) -> None:
    assert not Origins().allows(request(origin, host))


def test_no_origin_an_allowed_one_and_all_of_them_are_fine() -> None:
    good = "https://good.example"
    assert Origins().allows(request(None))
    assert Origins(frozenset({good})).allows(request(good))
    assert not Origins(frozenset({good})).allows(request("https://bad.example"))
    assert Origins(frozenset({"*"})).allows(request("https://bad.example"))


@pytest.mark.parametrize("gateway", [CableGateway, ChatGateway])
async def test_a_refused_origin_of_a_websocket_is_logged_with_what_would_allow_it(
    gateway: type[Gateway],
) -> None:
    target = f"/cable?sdk_token={TOKEN}" if gateway is CableGateway else "/ws/stream/s"
    with structlog.testing.capture_logs() as logs:
        async with gateway().glasses() as glasses:
            origin = [("Origin", "https://bad.example")]
            await glasses.send(method="GET", target=target, headers=origin)
            assert (await glasses.receive_head()).status_code == 404
    [line] = [each for each in logs if each["event"] == "origin.refused"]
    assert (line["origin"], line["setting"]) == ("'https://bad.example'", "allowed_origins")
    assert line["path"] == target.partition("?")[0]
    assert TOKEN not in str(logs)
    assert KEY not in str(logs)


async def test_a_refused_page_is_logged_too_harmlessly_and_not_without_end() -> None:
    body = json.dumps(question()).encode()
    origin = "https://b\xe4d.example/" + "x" * 500
    head = (
        f"POST /sse/rokid HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Length: {len(body)}\r\nOrigin: {origin}\r\n\r\n"
    )
    received = b""
    with structlog.testing.capture_logs() as logs, trio.fail_after(5):
        async with Gateway().glasses() as glasses:
            await glasses.stream.send_all((head.encode() + body) * 30 + b"x\r\n\r\n")
            while data := await glasses.stream.receive_some():
                received += data
    assert received.count(b"HTTP/1.1 200 ") == 30
    assert b"access-control" not in received.lower()  # so that the page cannot read it
    lines = [each for each in logs if each["event"] == "origin.refused"]
    assert 0 < len(lines) <= 10
    assert all(len(each["origin"]) < 250 and each["origin"].isascii() for each in lines)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_client_that_says_where_it_connects_to_comes_in(scheme: str) -> None:
    origin = f"{scheme}://gateway.example"
    async with CableGateway().sdk(headers=[(b"Origin", origin.encode())]) as sdk:
        await sdk.link()
    async with ChatGateway().client(headers={"Origin": origin}) as client:
        await client.send({"type": "ping"})
        assert await client.signal() == {"type": "pong"}
