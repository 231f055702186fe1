"""What a client is told that has got to the wrong place."""

from __future__ import annotations

from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.wire.connect_failures import describe_refusal


def test_who_asks_the_port_of_the_pages_is_told_that_there_is_another() -> None:
    told = describe_refusal(Endpoint("127.0.0.1", 8002, is_secure=False), 303, b"")
    assert told.startswith("http://127.0.0.1:8002 said HTTP 303: it leads elsewhere; ")
    assert "is it https://?" in told
    assert "8001" in told
    told = describe_refusal(Endpoint("glasses.example", 443, is_secure=True), 308, None)
    assert "is it https://?" not in told
    assert describe_refusal(Endpoint("h", 80, is_secure=False), 400, b"<html>").endswith(
        "this is no answer of a gateway"
    )
