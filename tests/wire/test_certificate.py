"""RELIABILITY 42: a renewed certificate is taken within a minute, a broken one never."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing
import trio
import trio.testing
import trustme
from structlog.typing import EventDict

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.wire.certificate import LOOK_EVERY, Certificate

AUTHORITY = trustme.CA()


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


class Pair:
    """The two files, and what is in them."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"

    def issue(self, name: str) -> None:
        """Both at once, as a renewal ends."""
        leaf = AUTHORITY.issue_cert(name)
        self.put(self.certificate, leaf.cert_chain_pems[0].bytes())
        self.put(self.key, leaf.private_key_pem.bytes())

    def put(self, file: Path, content: bytes) -> None:
        """As programs do it that nobody should see half a file of."""
        beside = file.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(file)

    def open(self) -> Certificate:
        return Certificate(self.certificate, self.key)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    pair = Pair(tmp_path)
    pair.issue("old.example")
    return pair


async def name_shown(certificate: Certificate) -> str:
    """Which name a client is shown that connects now."""
    ours, theirs = trio.testing.memory_stream_pair()
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    AUTHORITY.configure_trust(trusting)
    client = trio.SSLStream(ours, trusting)
    server = trio.SSLStream(theirs, certificate.context, server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await client.do_handshake()
    ((_, name),) = client.getpeercert()["subjectAltName"]
    return str(name)


async def test_row_42_the_files_are_looked_at_once_a_minute(
    pair: Pair, mock_clock: trio.testing.MockClock
) -> None:
    certificate = pair.open()
    async with trio.open_nursery() as nursery:
        await nursery.start(certificate.keep_renewed)
        await trio.testing.wait_all_tasks_blocked()
        pair.issue("new.example")
        mock_clock.jump(LOOK_EVERY - 1)
        await trio.testing.wait_all_tasks_blocked()
        assert await name_shown(certificate) == "old.example"
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked()
        assert await name_shown(certificate) == "new.example"
        nursery.cancel_scope.cancel()


async def test_row_42_a_broken_pair_is_refused_and_said_once_and_the_old_one_kept(
    pair: Pair, logs: list[EventDict]
) -> None:
    certificate = pair.open()
    for broken in (b"no certificate at all", b"", pair.certificate.read_bytes()[:200]):
        pair.put(pair.certificate, broken)
        logs.clear()
        certificate.renew_if_changed()
        certificate.renew_if_changed()
        assert await name_shown(certificate) == "old.example"
        (line,) = logs
        assert (line["event"], line["log_level"]) == ("tls.renewal_refused", "warning")
    pair.issue("new.example")
    certificate.renew_if_changed()
    assert await name_shown(certificate) == "new.example"
    assert logs[-1]["event"] == "tls.renewed"


def test_one_connection_has_one_handshake(pair: Pair) -> None:
    """Of TLS 1.2 a peer could else ask for one after the other, each as dear as the first."""
    assert pair.open().context.options & ssl.OP_NO_RENEGOTIATION


async def test_row_42_half_a_renewal_is_refused_and_the_whole_one_taken(
    pair: Pair, logs: list[EventDict]
) -> None:
    certificate = pair.open()
    old_key = pair.key.read_bytes()
    pair.issue("new.example")
    new_key = pair.key.read_bytes()
    pair.put(pair.key, old_key)
    certificate.renew_if_changed()
    assert await name_shown(certificate) == "old.example"
    assert logs[-1]["why"].endswith("(the key does not belong to the certificate)")
    pair.put(pair.key, new_key)
    certificate.renew_if_changed()
    assert await name_shown(certificate) == "new.example"


async def test_row_42_files_that_are_gone_or_no_files_are_refused(
    pair: Pair, logs: list[EventDict]
) -> None:
    certificate = pair.open()
    pair.key.unlink()
    certificate.renew_if_changed()
    assert logs[-1]["why"] == "there is no such file"
    pair.key.mkdir()
    certificate.renew_if_changed()
    assert logs[-1]["why"] == "there is no such file"
    assert await name_shown(certificate) == "old.example"


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(pair: Pair) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    pair.put(pair.key, locked)
    with pytest.raises(ConfigurationError, match="must be without a passphrase"):
        pair.open()
