"""What the first bytes of a connection show: a good key or token, or a probe."""

from __future__ import annotations

import pytest
from fakes import KEY, TOKEN, Gateway
from fuzzing import fuzz_rounds

from eyeclaw_trio.server.first_look import FirstLook
from eyeclaw_trio.wire.admission import Glimpse


def look(begun: str | bytes) -> Glimpse | None:
    gateway = Gateway()
    return FirstLook(lambda: gateway.directory)(begun.encode() if isinstance(begun, str) else begun)


POST = "POST /sse/rokid HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        f"{POST}Authorization: Bearer {KEY}\r\n\r\n",
        f"{POST}aUTHORIZATION:\tbearer  {KEY}\r\nContent-Le",
        f"GET /ws/stream/s?access_key={KEY} HTTP/1.1\r\n",
        f"GET /ws/stream/s?x=y&access_key={KEY}&z=1 HTTP/1.1\r\n",
    ],
)
def test_a_good_key_is_seen(begun: str) -> None:
    assert look(begun) == Glimpse(1, is_known=True)


def test_a_bots_token_is_seen() -> None:
    shown = Glimpse(("bot", 1), is_known=True)
    assert look(f"GET /cable?sdk_token={TOKEN}&bot_id=1 HTTP/1.1\r\n") == shown
    assert look(f"GET /cable?bot_id=1&sdk_token={TOKEN} HTTP/1.1\r\n") == shown
    assert look(f"GET /cable HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n") == shown


def test_a_probe_is_seen() -> None:
    assert look("GET /health HTTP/1.1\r\n") == Glimpse("/health")
    assert look("HEAD /health?x HTTP/1.1\r\n") == Glimpse("/health")
    assert look("GET /healthy HTTP/1.1\r\n") is None


@pytest.mark.parametrize(
    "begun",
    [
        "",
        POST,
        f"{POST}Authorization: Bearer ak_wrong\r\n",
        f"{POST}Authorization: Bearer {KEY}x\r\n",
        f"{POST}X-Authorization: Bearer {KEY}\r\n",
        f"{POST}X: y authorization: bearer {KEY}\r\n",
        f"{POST}\r\n access_key={KEY}",
        b"\x16\x03\x01\x02\x00\x01",
        "x" * 2_048,
    ],
)
def test_what_shows_nothing_is_nothing(begun: str | bytes) -> None:
    assert look(begun) is None


@pytest.mark.fuzz
def test_whatever_is_looked_at_nothing_is_raised() -> None:
    gateway = Gateway()
    see = FirstLook(lambda: gateway.directory)
    parts = [b"GET ", b"/health", b" ", b"?", b"&", b"sdk_token=", b"access_key=", b"\r\n"]
    parts += [b"Authorization:", b"Bearer ", KEY.encode(), TOKEN.encode(), b"\xff\x00", b"%", b"\t"]
    for dice in fuzz_rounds("a first look", share=0.2):
        see(b"".join(dice.choices(parts, k=dice.randrange(30))))
