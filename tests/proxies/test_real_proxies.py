"""The configurations in packaging/proxies, with the real nginx, Caddy and HAProxy before a gateway:
`make test-proxies`. They are those of the page; ports, names and certificates are the test's."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from attrs import evolve, frozen
from house import MODEL, House
from processes import eventually, open_child
from running_gateway import Gateway

from eyeclaw_trio.app.doctor_public import PublicDoctor
from eyeclaw_trio.client.ask import AskedQuestion, ask
from eyeclaw_trio.client.display import Shown
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.protocol.endpoint import Endpoint, read_endpoint

FILES = Path(__file__).parents[2] / "packaging" / "proxies"
DOCS = Path(__file__).parents[2] / "docs"
NAMES = {"nginx": "nginx.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg"}
# Seconds that a bot says nothing in the middle of an answer.
SILENCE = 100
# In which the gateway has heard that the wearer left: the page says 0.02 s, a busy machine more.
HEARD_WITHIN = 2.0
LOOKED_WITHIN = 20.0
READY_WITHIN = 10.0
PATIENT = f"""
[patience]
idle_timeout = {SILENCE + 60}
[providers.slow]
base_url = "BASE_URL"
model = "script:long-silence:{SILENCE}"
token_timeout = {SILENCE + 60}
[[bots]]
name = "slow"
provider = "slow"
"""


@frozen
class Proxy:
    """A real proxy on a port of this machine, with a certificate for localhost."""

    program: str
    folder: Path
    port: int
    upstream: int

    def command(self) -> list[str]:
        """What starts it in the foreground, with the configuration of the page."""
        text = (FILES / NAMES[self.program]).read_text("utf-8")
        text = text.replace("127.0.0.1:8001", f"127.0.0.1:{self.upstream}")
        make: Callable[[str], list[str]] = getattr(self, f"_{self.program}")
        program, *arguments = make(text.replace("YOUR-HOST", "localhost"))
        return [str(find(program)), *arguments]

    def _nginx(self, text: str) -> list[str]:
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl http2")
        text = text.replace("/path/to/fullchain.pem", str(self.folder / "chain.pem"))
        text = text.replace("/path/to/privkey.pem", str(self.folder / "key.pem"))
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = (
            f"daemon off;\nuser root;\npid {self.folder}/pid;\nerror_log stderr;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n"
        )
        return ["nginx", "-c", self._write(text), "-p", str(self.folder), "-e", "stderr"]

    def _caddy(self, text: str) -> list[str]:
        tls = f"\ttls {self.folder}/chain.pem {self.folder}/key.pem\n"
        text = text.replace("localhost {\n", f"https://localhost:{self.port} {{\n{tls}")
        text = f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{text}"
        return ["caddy", "run", "--adapter", "caddyfile", "--config", self._write(text)]

    def _haproxy(self, text: str) -> list[str]:
        text = text.replace("bind :443", f"bind 127.0.0.1:{self.port}")
        text = text.replace("/path/to/both.pem", str(self.folder / "both.pem"))
        return ["haproxy", "-db", "-f", self._write(text)]

    def _write(self, text: str) -> str:
        assert "/path/to" not in text
        file = self.folder / f"{self.program}.conf"
        file.write_text(text, "utf-8")
        return str(file)


def find(program: str) -> str | None:
    """Where it is; servers are where a user's own path may not lead."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority of the test's own, and its certificate for localhost."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    leaf = authority.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    for part in leaf.cert_chain_pems:
        part.write_to_path(str(tmp_path / "chain.pem"), append=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@asynccontextmanager
async def standing_before(gateway: Gateway, proxy: Proxy) -> AsyncIterator[Endpoint]:
    if find(proxy.program) is None:
        pytest.skip(f"there is no {proxy.program} here: apt-get install {proxy.program}")
    environ = {"XDG_DATA_HOME": str(proxy.folder), "XDG_CONFIG_HOME": str(proxy.folder)}
    async with open_child(proxy.folder, proxy.program, proxy.command(), environ) as child:

        async def accepts() -> bool:
            assert child.process.poll() is None, child.log
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", proxy.port)
            except OSError:
                return False
            await stream.aclose()
            return True

        await eventually(accepts, seconds=READY_WITHIN)
        yield read_endpoint(f"https://localhost:{proxy.port}")


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def before(gateway: Gateway, program: str, folder: Path) -> Proxy:
    return Proxy(program, folder, free_port(), gateway.port)


class Heard:
    """When each piece came."""

    def __init__(self) -> None:
        self.pieces: list[tuple[float, str]] = []
        self.first = trio.Event()

    def show(self, shown: Shown) -> None:
        if shown.text:
            self.pieces.append((trio.current_time(), shown.text))
            self.first.set()

    def close(self) -> None:
        pass


@pytest.mark.parametrize("program", NAMES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_shows_the_file(program: str, language: str) -> None:
    page = (DOCS / language / "proxies.md").read_text("utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)

    def without_comments(text: str) -> str:
        return re.sub(r"\s*#.*", "", text)

    file = (FILES / NAMES[program]).read_text("utf-8")
    assert without_comments(file) in map(without_comments, blocks)


@pytest.mark.parametrize("program", NAMES)
async def test_doctor_finds_nothing_wrong_behind_it(program: str, tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.serve() as gateway:
        proxy = before(gateway, program, tmp_path)
        async with standing_before(gateway, proxy) as endpoint:
            found: list[Diagnosis] = []
            await PublicDoctor(endpoint, gateway.key, house.data, found.append, idle=1).examine()
    assert {each.check: each.state for each in found} == dict.fromkeys(
        ("certificate", "public", "wrong_key", "stream", "behind", "websocket"), "ok"
    ), found


async def test_doctor_finds_an_nginx_that_collects(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.serve() as gateway:
        proxy = before(gateway, "nginx", tmp_path)
        command = proxy.command()
        file = tmp_path / "nginx.conf"
        collecting = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"
        file.write_text(file.read_text("utf-8").replace("proxy_buffering off;", collecting))
        endpoint = read_endpoint(f"https://localhost:{proxy.port}")
        async with open_child(tmp_path, "nginx", command, {}):
            await trio.sleep(1)
            found: list[Diagnosis] = []
            await PublicDoctor(endpoint, gateway.key, house.data, found.append, idle=1).examine()
    [stream] = [each for each in found if each.check == "stream"]
    assert stream.state == "fail", stream
    assert "proxy_buffering off" in str(stream.fix)


async def test_a_silence_of_100_s_is_borne_and_a_wearer_who_leaves_is_heard(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with open_child(tmp_path, "model", MODEL, {}) as model:
        port = (await model.line())["port"]
        house.configure(PATIENT.replace("BASE_URL", f"http://127.0.0.1:{port}/v1"))
        async with house.run(
            "serve", "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"
        ) as child:
            ready = await child.line()
            key = (await house.result("key", "create", "proxies"))["key"]
            gateway = evolve(Gateway.of(ready, key), child=child)
            async with trio.open_nursery() as nursery:
                for program in NAMES:
                    folder = tmp_path / program
                    folder.mkdir()
                    for name in ("chain.pem", "key.pem", "both.pem"):
                        shutil.copy(tmp_path / name, folder / name)
                    proxy = before(gateway, program, folder)
                    nursery.start_soon(bear_silence, house, gateway, proxy)


async def bear_silence(house: House, gateway: Gateway, proxy: Proxy) -> None:
    async with standing_before(gateway, proxy) as endpoint:
        leaving, staying = Heard(), Heard()
        left = AskedQuestion(endpoint, gateway.key, f"left {proxy.program}", agent_id="slow")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, left, leaving)
            await leaving.first.wait()
            at = datetime.now(UTC)
            nursery.cancel_scope.cancel()
        # By the gateway's own word: each look is a process, which a busy machine may keep waiting.
        await eventually(lambda: find_cancelled(house, left.message_id), seconds=LOOKED_WITHIN)
        trace = await find_cancelled(house, left.message_id)
        assert trace is not None
        heard = datetime.fromisoformat(trace["updated_at"]) - at
        assert heard.total_seconds() < HEARD_WITHIN

        asked = AskedQuestion(endpoint, gateway.key, f"stays {proxy.program}", agent_id="slow")
        with trio.fail_after(SILENCE + 60):
            await ask(asked, staying)
        times = [at for at, _ in staying.pieces]
        assert max(b - a for a, b in itertools.pairwise(times)) > SILENCE - 1


async def find_cancelled(house: House, message_id: str) -> dict[str, Any] | None:
    """The trace of this question, once it has ended by its wearer's leaving."""
    rows: list[dict[str, Any]] = await house.result("trace", "list", "--limit", "50")
    cancelled = (each for each in rows if each["outcome"] == "cancelled")
    return next((each for each in cancelled if each["message_id"] == message_id), None)
