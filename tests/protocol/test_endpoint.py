"""A gateway's address, in the many ways that people write one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.protocol.endpoint import Endpoint, read_endpoint


@pytest.mark.parametrize(
    ("address", "url", "host", "authority", "path"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001", "127.0.0.1", "127.0.0.1:8001", ""),
        ("127.0.0.1:8001", "http://127.0.0.1:8001", "127.0.0.1", "127.0.0.1:8001", ""),
        ("example.com", "https://example.com", "example.com", "example.com", ""),
        ("http://[::1]:8001/", "http://[::1]:8001", "::1", "[::1]:8001", ""),
        ("wss://x.y:444/eye/", "https://x.y:444/eye", "x.y", "x.y:444", ""),
        ("ws://[::1]:81/cable", "http://[::1]:81", "::1", "[::1]:81", "/cable"),
        ("HTTPS://X.Y:443", "https://x.y", "x.y", "x.y", ""),
        ("https://x.y/a/sse/rokid/", "https://x.y/a", "x.y", "x.y", "/sse/rokid"),
        ("x.y/metis/agent/api/sse", "https://x.y", "x.y", "x.y", "/metis/agent/api/sse"),
        ("https://x.y./ws/stream", "https://x.y.", "x.y.", "x.y.", "/ws/stream"),
    ],
)
def test_an_address_may_be_written_in_many_ways(
    address: str, url: str, host: str, authority: str, path: str
) -> None:
    endpoint = read_endpoint(address)
    assert (endpoint.url, endpoint.host) == (url, host)
    assert (endpoint.authority, endpoint.path) == (authority, path)
    assert endpoint.websocket_url == url.replace("http", "ws", 1)


@pytest.mark.parametrize(
    ("address", "is_secure"),
    [
        ("glasses.example", True),
        ("glasses.example:8001", True),
        ("glasses.example./eye", True),
        ("8.8.8.8", True),
        ("[2606:4700::1111]:8001", True),
        ("localhost:8001", False),
        ("eyeclaw.localhost", False),
        ("gateway:8001", False),
        ("raspberrypi.local", False),
        ("RASPBERRYPI.LOCAL.", False),
        ("nas.home.arpa", False),
        ("gateway.internal", False),
        ("192.168.1.5:8001", False),
        ("10.0.0.1", False),
        ("100.64.0.1:8001", False),
        ("0.0.0.0:8001", False),
        ("[::1]:8001", False),
        ("[fe80::1]:8001", False),
        ("[fd00::1]:8001", False),
    ],
)
def test_an_address_without_a_scheme_is_taken_as_encrypted_unless_it_is_near(
    address: str, is_secure: bool
) -> None:
    endpoint = read_endpoint(address)
    assert endpoint.is_secure is is_secure
    assert endpoint.url.startswith("https://" if is_secure else "http://")


@pytest.mark.parametrize("address", ["http://glasses.example", "ws://8.8.8.8:8001"])
def test_a_scheme_that_is_there_is_taken_at_its_word(address: str) -> None:
    assert not read_endpoint(address).is_secure


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "names no host"),
        ("ftp://x", "must begin with"),
        ("http://", "names no host"),
        ("ws://x:port", "this is none"),
        ("ws://x:99999", "this is none"),
        ("ws://x:0", "port 0"),
        ("http://[::1", "this is none"),
        ("http://me:secret@x/", "no user name"),
        ("http://x/?token=secret", r"no \?"),
        ("http://x/#secret", "no #"),
        ("http://exa mple", "without spaces"),
        ("http://x\r\nX-Evil: secret", "without spaces"),
        ("http://例子/", "ASCII"),
        (f"http://{'a' * 64}.example", "no host has such a name"),
        (f"http://{'a.' * 127}example", "no host has such a name"),
        ("http://a..b", "no host has such a name"),
        ("http://.", "no host has such a name"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_repeated(
    address: str, why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why) as refusal:
        read_endpoint(address)
    assert "must be an address such as" in str(refusal.value)
    assert refusal.value.key == "server"
    assert "secret" not in str(refusal.value)


@given(st.text() | st.from_regex(r"((http|ws)s?://)?[a-z0-9.:/@?#\[\]%-]*", fullmatch=True))
@example("http://[fe80::1%25eth0]:1/a//cable//")
def test_whatever_is_written_it_is_an_endpoint_that_reads_the_same_again_or_refused(
    address: str,
) -> None:
    try:
        endpoint = read_endpoint(address)
    except ConfigurationError:
        return
    assert isinstance(endpoint, Endpoint)
    assert 0 < endpoint.port < 65536
    endpoint.host.encode("idna")  # as the resolver does, which has an error of its own for it
    assert read_endpoint(f"{endpoint.url}{endpoint.path}") == endpoint
