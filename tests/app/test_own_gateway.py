"""Where the gateway of these settings is, for a client on the same machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeclaw_trio.app.own_gateway import find_own_gateway
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.settings import HostPort, Settings


def settings(listen: HostPort) -> Settings:
    return Settings(listen, HostPort("127.0.0.1", 0), Path("unused"))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("glasses.example", "http://glasses.example:1"),
    ],
)
def test_one_that_listens_everywhere_is_asked_on_this_machine(host: str, url: str) -> None:
    endpoint, context = find_own_gateway(settings(HostPort(host, 1)))
    assert (endpoint.url, context) == (url, None)


def test_a_port_that_is_left_to_chance_cannot_be_found() -> None:
    with pytest.raises(EyeclawError, match="--server"):
        find_own_gateway(settings(HostPort("127.0.0.1", 0)))
