"""Asks a gateway of its own in every way: what a build is tested with, wherever it was put.

The gateways and the connector are processes of the same program, with a folder that is theirs
alone; everything else is asked as users ask it, by the clients that they use.
"""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import resources
from typing import Final

import httpx2
import segno
import trio
from attrs import define, evolve, field

from eyeclaw_trio import __version__
from eyeclaw_trio.app.selftest_house import SelftestGateway, SelftestHouse, address_of, expect
from eyeclaw_trio.causes import leaves
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.photos.pictures import Pictures
from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.trust import trusted_context

# Of one check, in seconds: a slow machine may have to unpack the program first.
_WITHIN: Final = 60.0
_CODE: Final = "EYECLAW:SELFTEST"
# What a browser and Prometheus are shown, and what kind it is.
_PAGES: Final = (("/", "text/html"), ("/metrics", "text/plain"), ("/health", "application/json"))


@define(eq=False)
class Selftest:
    """One run; `note` is told of each check as soon as it is done."""

    house: SelftestHouse
    note: Callable[[Diagnosis], None]
    _failures: int = field(default=0, init=False)

    async def run(self) -> bool:
        """Check everything; whether all is well. What has failed keeps only those from being
        checked that need it. Cancelled, it leaves no process behind."""
        self.house.temporary.mkdir()
        await self._check("version", self._check_version)
        await self._check("trust", _check_trust)
        await self._check("pictures", _check_pictures)
        await self._check("gateway", self._check_gateway)
        await self._check("tls", self._check_tls)
        await self._check("temporary", self._check_temporary)
        return not self._failures

    async def _check(self, name: str, check: Callable[[], Awaitable[str]]) -> None:
        began = trio.current_time()
        try:
            with trio.fail_after(_WITHIN):
                text = await check()
        except* (EyeclawError, OSError, httpx2.HTTPError, trio.TooSlowError) as failed:
            cause = next(leaves(failed))
            self._failures += 1
            self.note(Diagnosis(name, "fail", f"{name}: {cause or type(cause).__name__}"))
        else:
            took = (trio.current_time() - began) * 1000
            self.note(Diagnosis(name, "ok", f"{name}: {text} ({took:.0f} ms)"))

    async def _check_version(self) -> str:
        said = await self.house.ask_program("--version")
        expect(said.endswith(f" {__version__}"), f"it calls itself {said!r}")
        return said

    async def _check_gateway(self) -> str:
        gateway = SelftestGateway(self.house, self.house.folder / "plain")
        async with gateway.running() as ready:
            endpoint, pages = address_of(ready["listen"]), address_of(ready["admin_listen"])
            await self._check("ask", partial(gateway.ask, endpoint, "demo"))
            await self._check("chat", partial(gateway.chat, endpoint))
            await self._check("connect", partial(gateway.connect, endpoint))
            await self._check("pages", partial(_check_pages, pages))
        return "starts, and ends with status 0 at SIGTERM"

    async def _check_tls(self) -> str:
        folder = self.house.folder / "secure"
        folder.mkdir()
        pem = folder / "selftest.pem"
        pem.write_bytes(resources.files(__package__).joinpath("selftest.pem").read_bytes())
        gateway = SelftestGateway(self.house, folder, pem)
        async with gateway.running() as ready:
            await gateway.ask(evolve(address_of(ready["listen"]), is_secure=True), "demo")
        return "a question over TLS is answered"

    async def _check_temporary(self) -> str:
        left = sorted(each.name for each in self.house.temporary.iterdir())
        expect(not left, f"left behind in the temporary folder: {', '.join(left)}")
        return "nothing is left in the temporary folder"


async def _check_trust() -> str:
    roots = (await trio.to_thread.run_sync(trusted_context)).cert_store_stats()["x509_ca"]
    if roots:
        return f"{roots} certificate authorities are trusted"
    return "no certificate authority is known yet, so models have to be local ones"


async def _check_pictures() -> str:
    drawn = io.BytesIO()
    segno.make(_CODE).save(drawn, kind="png", scale=8)
    pictures = Pictures()
    jpeg = await pictures.make_jpeg(drawn.getvalue())
    expect(jpeg.startswith(b"\xff\xd8"), "what came out is no JPEG")
    codes = await pictures.read_codes(drawn.getvalue())
    expect(codes == (_CODE,), f"the code was read as {codes!r}")
    return "a picture is opened, and the QR code in it read"


async def _check_pages(endpoint: Endpoint) -> str:
    async with httpx2.AsyncClient(
        base_url=endpoint.url, trust_env=False, follow_redirects=True, verify=False
    ) as client:
        for path, kind in _PAGES:
            response = await client.get(path)
            status, got = response.status_code, response.headers.get("content-type", "")
            expect(status == 200 and got.startswith(kind), f"{path} is {status}, {got}")
    return "drawn, with the figures for Prometheus"
