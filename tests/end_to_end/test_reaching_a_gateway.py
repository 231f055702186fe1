"""What our three clients say when they do not get to a gateway: the same, and how to mend it."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eyeclaw_trio.causes import leaves
from eyeclaw_trio.client.ask import AskedQuestion, ask
from eyeclaw_trio.client.chat import Lines, chat
from eyeclaw_trio.client.chat_target import ChatTarget
from eyeclaw_trio.client.display import TextDisplay
from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.endpoint import read_endpoint
from eyeclaw_trio.providers.echo import EchoProvider

SECRET = "ak_a-key-that-nobody-must-see"
CLIENTS = ["ask", "chat", "connect"]
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
NGINX_400 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\n<html>"

pytestmark = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(autouse=True)
def _no_other_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


async def complaint(client: str, address: str) -> str:
    """What this client says about this address, in one line without its secret."""
    with trio.fail_after(10):
        try:
            words = await _COMPLAINTS[client](address)
        except* EyeclawError as group:
            (words,) = [str(each) for each in leaves(group)]
    assert SECRET not in words
    assert "\n" not in words
    return words


async def _ask(address: str) -> str:
    await ask(AskedQuestion(read_endpoint(address), SECRET, "x"), TextDisplay())
    raise AssertionError("it was answered")


async def _chat(address: str) -> str:
    reading, writing = os.pipe()
    try:
        await chat(
            ChatTarget(read_endpoint(address), "s", SECRET),
            TextDisplay(),
            Lines(reading),
            is_patient=False,
        )
    finally:
        os.close(reading)
        os.close(writing)
    raise AssertionError("it was let in")


async def _connect(address: str) -> str:
    said: list[str] = []
    with trio.CancelScope() as scope:

        def announce(event: dict[str, object]) -> None:
            said.append(str(event["reason"]))
            scope.cancel()

        await keep_connected(
            LinkTarget(address, 1, SECRET), EchoProvider("echo"), announce=announce
        )
    return said[0]


_COMPLAINTS = {"ask": _ask, "chat": _chat, "connect": _connect}


@asynccontextmanager
async def serving(
    answer: bytes, certificate: Callable[[ssl.SSLContext], None] | None = None
) -> AsyncIterator[int]:
    """A server that says the same to everybody, with TLS where it has a certificate; its port."""

    async def serve(stream: trio.abc.Stream) -> None:
        try:
            await stream.receive_some()
            await stream.send_all(answer)
        except trio.BrokenResourceError:
            pass  # it was not what the client had hoped for
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        if certificate is None:
            opened = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
            listener = opened[0]
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate(context)
            opened = await nursery.start(
                partial(trio.serve_ssl_over_tcp, serve, 0, context, host="127.0.0.1")
            )
            listener = opened[0].transport_listener
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_where_nobody_listens_the_connection_is_refused(client: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    words = await complaint(client, f"http://127.0.0.1:{port}")
    expected = "connection refused; does the gateway run there?"
    assert words == f"cannot reach http://127.0.0.1:{port}: {expected}"


async def test_a_name_that_no_host_has_is_named(client: str) -> None:
    words = await complaint(client, "http://glasses.invalid:1")
    assert words == (
        "cannot reach http://glasses.invalid:1: "
        "no host is known as glasses.invalid; check the address"
    )


async def test_https_at_a_port_that_speaks_http_leads_to_http(client: str) -> None:
    async with serving(NGINX_400) as port:
        words = await complaint(client, f"https://127.0.0.1:{port}/eye")
    assert words.endswith(f": it does not speak TLS; try http://127.0.0.1:{port}/eye")


@pytest.mark.parametrize("answer", [b"", NGINX_400])
async def test_http_at_a_port_that_speaks_tls_leads_to_https(client: str, answer: bytes) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1").configure_cert
    async with serving(answer, certificate) as port:
        words = await complaint(client, f"http://127.0.0.1:{port}/eye")
    assert words.endswith(f" speaks TLS: try https://127.0.0.1:{port}/eye")


async def test_http_at_a_proxy_that_wants_tls_and_says_so_leads_to_https(client: str) -> None:
    """As nginx and Caddy do, which understand both on one port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def serve(stream: trio.SocketStream) -> None:
        first = await stream.socket.recv(1, socket.MSG_PEEK)
        if first == b"\x16":  # a handshake
            tls = trio.SSLStream(stream, context, server_side=True)
            await tls.do_handshake()
        else:
            await stream.send_all(NGINX_400)
            await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        words = await complaint(client, f"http://127.0.0.1:{port}")
        nursery.cancel_scope.cancel()
    assert words == f"http://127.0.0.1:{port} speaks TLS: try https://127.0.0.1:{port}"


async def test_what_is_wrong_with_a_certificate_is_said(
    client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    now = datetime.now(UTC)
    past, future = now - timedelta(days=9), now + timedelta(days=9)
    old = authority.issue_cert("127.0.0.1", not_before=past, not_after=now - timedelta(days=1))
    new = authority.issue_cert("127.0.0.1", not_before=now + timedelta(days=1), not_after=future)
    cases: dict[str, Callable[[ssl.SSLContext], None]] = {
        "its certificate has expired": old.configure_cert,
        "its certificate is not valid yet; is the clock": new.configure_cert,
        "its certificate is self-signed; SSL_CERT_FILE can name": partial(_self_signed, tmp_path),
        "its certificate is not trusted (": trustme.CA().issue_cert("127.0.0.1").configure_cert,
        "its certificate is for another name than 127.0.0.1": authority.issue_cert(
            "glasses.example"
        ).configure_cert,
        "said HTTP 400: this is no answer of a gateway": authority.issue_cert(
            "127.0.0.1"
        ).configure_cert,
    }
    for expected, certificate in cases.items():
        async with serving(NGINX_400, certificate) as port:
            assert expected in await complaint(client, f"https://127.0.0.1:{port}")


def _self_signed(folder: Path, context: ssl.SSLContext) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "glasses")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("glasses.example")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "self-signed.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context.load_cert_chain(pem)


@pytest.mark.parametrize(
    ("kind", "body"), [(b"text/html", b"<html>"), (b"application/json", b'{"error":"Not found"}')]
)
async def test_a_path_behind_which_is_no_gateway_is_named(
    client: str, kind: bytes, body: bytes
) -> None:
    async with serving(NOT_FOUND % (kind, len(body), body)) as port:
        words = await complaint(client, f"http://127.0.0.1:{port}/wrong")
    said = f"http://127.0.0.1:{port}/wrong said HTTP 404: no gateway is behind /wrong"
    assert words.startswith(said)


@pytest.fixture(params=["SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CERT_FILE of another kind"])
def wrong_variable(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> str:
    variable, _, other = str(request.param).partition(" ")
    file = tmp_path / "trusted"
    if other:
        file.write_text("no certificate")
    monkeypatch.setenv(variable, str(file))
    return variable


async def test_a_variable_that_names_no_certificates_is_named(
    client: str, wrong_variable: str
) -> None:
    async with serving(b"", trustme.CA().issue_cert("127.0.0.1").configure_cert) as port:
        words = await complaint(client, f"https://127.0.0.1:{port}")
    assert words.startswith(f"env {wrong_variable}: ")
