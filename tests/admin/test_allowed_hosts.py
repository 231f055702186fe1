"""Which host names the pages answer to."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from eyeclaw_trio.admin.hosts import AllowedHosts


async def page(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"secret"})


async def status_of(*hosts: bytes, server: tuple[str, int] | None = ("127.0.0.1", 8002)) -> int:
    app = AllowedHosts(page, ["eyeclaw.example"])
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("there is no body to be read")

    headers = [(b"host", host) for host in hosts]
    scope: Scope = {"type": "http", "method": "GET", "headers": headers, "server": server}
    await app(scope, receive, send)
    status: int = sent[0]["status"]
    assert (status == 200) == (sent[1]["body"] == b"secret")
    return status


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8002", "localhost.", "127.0.0.1:8002", "127.8.9.1", "[::1]:8002"],
)
async def test_loopback_is_always_answered(host: str) -> None:
    assert await status_of(host.encode()) == 200


@pytest.mark.parametrize("host", ["eyeclaw.example", "EyeClaw.Example:443", "eyeclaw.example."])
async def test_a_name_that_is_allowed_is_answered(host: str) -> None:
    assert await status_of(host.encode()) == 200


async def test_the_address_that_the_connection_came_to_is_answered_and_no_other() -> None:
    assert await status_of(b"192.0.2.7:8002", server=("192.0.2.7", 8002)) == 200
    assert await status_of(b"[2001:db8::7]", server=("2001:db8::7", 8002)) == 200
    assert await status_of(b"192.0.2.8:8002", server=("192.0.2.7", 8002)) == 421
    assert await status_of(b"192.0.2.8:8002", server=None) == 421


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "eyeclaw.example.evil.example",
        "evil.example:8002",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost:8002:80",
        "0.0.0.0",
        "[::1",
        "",
        "é",
    ],
)
async def test_any_other_name_is_misdirected(host: str) -> None:
    assert await status_of(host.encode("latin-1")) == 421


async def test_no_name_and_two_names_are_misdirected() -> None:
    assert await status_of() == 421
    assert await status_of(b"localhost", b"evil.example") == 421
