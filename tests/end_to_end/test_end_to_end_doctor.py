"""`eyeclaw doctor` beside a running gateway, and through whatever stands before it."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trustme
from attrs import frozen
from house import House
from processes import LIFETIME
from running_gateway import Gateway

from eyeclaw_trio.app.doctor_public import PublicDoctor
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.protocol.endpoint import read_endpoint
from eyeclaw_trio.store.database import open_database

IDLE = 0.3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def gateway(house: House) -> Iterator[Gateway]:
    with house.serve_shared() as running:
        yield running


@frozen
class Proxy:
    """Passes bytes on, and does wrong what it is told to do wrong."""

    _gateway: Gateway
    _fault: str = ""
    _tls: trustme.LeafCert | None = None

    async def serve(self, stream: trio.abc.Stream) -> None:
        upstream = await self._gateway.open_stream()
        async with stream, upstream, trio.open_nursery() as nursery:
            try:
                asked = bytes(await stream.receive_some())
                if self._fault == "no websockets" and b"/ws/stream" in asked:
                    await stream.send_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                    return
                await upstream.send_all(asked)
                nursery.start_soon(self._pass_on, stream, upstream)
                await self._answer(upstream, stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            nursery.cancel_scope.cancel()

    async def _pass_on(self, come: trio.abc.Stream, go: trio.abc.Stream) -> None:
        try:
            while data := await come.receive_some():
                await go.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _answer(self, come: trio.abc.Stream, go: trio.abc.Stream) -> None:
        kept = b""
        while data := await come.receive_some():
            kept += data
            if self._fault == "collects" and b"event-stream" in kept and b"event: done" not in kept:
                continue
            await go.send_all(kept)
            kept = b""
            if self._fault == "cuts websockets" and data.startswith(b"HTTP/1.1 101"):
                await trio.sleep(IDLE / 3)
                return

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Its address."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            served: list[trio.abc.Listener[trio.abc.Stream]] = list(listeners)
            if self._tls is not None:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                self._tls.configure_cert(context)
                served = [trio.SSLListener(each, context) for each in listeners]
            nursery.start_soon(trio.serve_listeners, self.serve, served)
            yield f"{'http' if self._tls is None else 'https'}://127.0.0.1:{port}"
            nursery.cancel_scope.cancel()


async def look(
    url: str, gateway: Gateway, folder: Path | None = None, key: str | None = None
) -> dict[str, Diagnosis]:
    found: dict[str, Diagnosis] = {}

    def note(each: Diagnosis) -> None:
        found[each.check] = each

    with trio.fail_after(LIFETIME):
        doctor = PublicDoctor(read_endpoint(url), key or gateway.key, folder, note, IDLE)
        await doctor.examine()
    return found


def states(found: dict[str, Diagnosis]) -> dict[str, str]:
    return {name: each.state for name, each in found.items()}


SOUND = dict.fromkeys(("public", "wrong_key", "stream", "behind", "websocket"), "ok")
PLAIN = SOUND | {"certificate": "warn"}


async def test_a_sound_proxy_passes_everything_on(house: House, gateway: Gateway) -> None:
    async with Proxy(gateway).open() as url:
        assert states(await look(url, gateway, house.data)) == PLAIN


async def test_a_proxy_that_collects_the_answer(house: House, gateway: Gateway) -> None:
    async with Proxy(gateway, "collects").open() as url:
        found = await look(url, gateway, house.data)
    assert states(found) == PLAIN | {"stream": "fail"}
    assert "proxy_buffering off" in str(found["stream"].fix)


@pytest.mark.parametrize("fault", ["no websockets", "cuts websockets"])
async def test_a_proxy_that_keeps_no_websocket(house: House, gateway: Gateway, fault: str) -> None:
    async with Proxy(gateway, fault).open() as url:
        found = await look(url, gateway, house.data)
    assert states(found) == PLAIN | {"websocket": "fail"}
    assert "proxy_set_header Upgrade" in str(found["websocket"].fix)


async def test_another_gateway_is_behind_the_name(gateway: Gateway, tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "data")):
        pass
    async with Proxy(gateway).open() as url:
        found = await look(url, gateway, tmp_path / "data")
    assert states(found) == PLAIN | {"behind": "fail"}


async def test_a_key_of_somebody_else(gateway: Gateway) -> None:
    async with Proxy(gateway).open() as url:
        found = await look(url, gateway, key="ak_of-another-gateway")
    assert found["stream"].state == "fail"
    assert "401" in found["stream"].text


async def test_a_web_page_is_no_gateway_and_nobody_is_none(gateway: Gateway) -> None:
    async def serve(stream: trio.abc.Stream) -> None:
        async with stream:
            await stream.receive_some()
            page = b"<html>it works</html>"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
            await stream.send_all(head % len(page) + page)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        found = await look(url, gateway)
        nursery.cancel_scope.cancel()
    assert "it is no gateway" in found["public"].text
    found = await look(url, gateway)
    assert "connection refused" in found["public"].text


@pytest.mark.parametrize(
    ("name", "days", "state", "words"),
    [
        ("127.0.0.1", 60, "ok", "days more"),
        ("127.0.0.1", 5, "warn", "5 days more"),
        ("127.0.0.1", -1, "fail", "expired"),
        ("elsewhere.example", 60, "fail", "another name"),
    ],
)
async def test_what_is_wrong_with_a_certificate(
    gateway: Gateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    days: int,
    state: str,
    words: str,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    leaf = authority.issue_cert(name, not_after=ends, not_before=ends - timedelta(days=90))
    async with Proxy(gateway, tls=leaf).open() as url:
        found = await look(url, gateway)
    wrong = found["public"] if state == "fail" else found["certificate"]
    assert wrong.state == state
    assert words in wrong.text


# ---- the command ---------------------------------------------------------------------------


async def test_a_public_name_without_a_scheme_is_looked_at_with_tls(tmp_path: Path) -> None:
    done = await House(tmp_path).command("doctor", "--public", "127.0.0.1:1")
    assert done.status == 1
    assert "cannot reach https://127.0.0.1:1" in done.stdout
    assert "has no TLS" not in done.stdout


async def test_a_sound_set_up_with_its_gateway_running_ends_with_0(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.serve() as gateway:
        # As the service has it: its own port is no fault.
        house.configure(f'listen = "127.0.0.1:{gateway.port}"\n')
        done = await house.command("doctor", "--json", EYECLAW_KEY=gateway.key)
        assert done.status == 0, done.stdout + done.stderr
        found = {each["check"]: each for each in json.loads(done.stdout)}
        assert {each["state"] for each in found.values()} == {"ok"}
        assert {"settings", "data", "database", "gateway", "keys", "key", "bots"} <= found.keys()
        assert found["gateway"]["fix"] is None


async def test_what_is_wrong_is_marked_and_ends_with_1(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.configure("[patience]\nidle_timout = 3\n")
    done = await house.command("doctor")
    assert done.status == 1
    assert "✗ " in done.stdout
    assert "idle_timout" in done.stdout
    assert "    → `eyeclaw config reference`" in done.stdout
    house.configure("")
    (tmp_path / "data").mkdir(mode=0o777)
    (tmp_path / "data").chmod(0o777)
    assert (await house.command("doctor")).status == 1
    mended = await house.command("doctor", "--fix")
    assert mended.status == 0, mended.stdout
    assert "Mended: closed" in mended.stderr
