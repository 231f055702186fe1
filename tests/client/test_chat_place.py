"""Where `eyeclaw chat` goes: addresses, sessions, and refusals in one line."""

from __future__ import annotations

from typing import Any

import pytest
from trio_websocket import ConnectionRejected

from eyeclaw_trio.client.chat_place import describe, find_place
from eyeclaw_trio.errors import EyeclawError

KEY = "ak_a-key-that-nobody-must-see"


@pytest.mark.parametrize(
    ("server", "shown", "authority", "path"),
    [
        ("127.0.0.1:8001", "http://127.0.0.1:8001", "127.0.0.1:8001", ""),
        ("http://[::1]:8001/", "http://[::1]:8001", "[::1]:8001", ""),
        ("https://host.example", "https://host.example", "host.example", ""),
        ("wss://host.example:444/eye/", "https://host.example:444", "host.example:444", "/eye"),
        ("ws://host.example", "http://host.example", "host.example", ""),
    ],
)
def test_a_gateways_address_becomes_the_place_of_a_session(
    server: str, shown: str, authority: str, path: str
) -> None:
    place = find_place(server, "a b/你", KEY)
    assert (place.shown, place.authority) == (shown, authority)
    assert place.path == f"{path}/ws/stream/a%20b%2F%E4%BD%A0?format=json"
    assert KEY not in repr(place)
    assert KEY not in place.path


@pytest.mark.parametrize(
    "server", ["", "http://", "ftp://host", "http://host:0", "http://host:x", "http://me@host"]
)
def test_an_address_that_is_none_is_refused(server: str) -> None:
    with pytest.raises(EyeclawError, match="must be an address such as"):
        find_place(server, "s", KEY)


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (
            401,
            b'{"error":"Invalid access key","detail":null}',
            "said 401: Invalid access key; check EYECLAW_KEY",
        ),
        (
            400,
            b'{"error":"Invalid session id","detail":{"session_id":"must be\\u001b[31m short"}}',
            "said 400: Invalid session id: must be[31m short",
        ),
        (403, b"<html>", "said 403: this is no answer of a gateway"),
        (403, b"[]", "said 403: this is no answer of a gateway"),
        (404, None, "said 404: this is no answer of a gateway"),
    ],
)
def test_a_refusal_is_one_line(status: int, body: bytes | None, line: str) -> None:
    refused = ConnectionRejected(status, (), body)
    nested: Any = ExceptionGroup("", [refused])  # as nurseries within nurseries make it
    group = ExceptionGroup("", [nested])
    text = describe(group, find_place("127.0.0.1:1", "s", KEY))
    assert text.startswith(f"http://127.0.0.1:1 {line}")
    assert "\n" not in text
