"""A gateway and a model that run elsewhere, as tests talk to them."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio
from attrs import field, frozen
from fakes import Glasses, question
from processes import LIFETIME, Child, eventually
from running_sdk import Sdk, open_sdk


@frozen
class Model:
    """A scripted model that runs elsewhere."""

    port: int
    trusted: ssl.SSLContext | None = None

    @property
    def base_url(self) -> str:
        if self.trusted is not None:
            return f"https://localhost:{self.port}/v1"
        return f"http://127.0.0.1:{self.port}/v1"

    async def seen(self) -> dict[str, Any]:
        """What it has counted."""
        stream: trio.abc.Stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        if self.trusted is not None:
            stream = trio.SSLStream(
                stream, self.trusted, server_hostname="localhost", https_compatible=True
            )
        async with stream:
            glasses = Glasses(stream)
            await glasses.send(method="GET", target="/seen", key=None)
            await glasses.receive_head()
            seen: dict[str, Any] = json.loads(await glasses.receive_body())
            return seen

    async def wait_for(self, name: str, count: int, *, seconds: float = 5.0) -> None:
        """Wait until it has counted so many (`aborted`, or questions as `completions`)."""

        async def has_come() -> bool:
            value = (await self.seen())[name]
            return bool((len(value) if isinstance(value, list) else value) >= count)

        await eventually(has_come, seconds=seconds)


@frozen
class Gateway:
    """A gateway that runs elsewhere, and a key to it."""

    host: str
    port: int
    key: str = field(repr=False)
    scheme: str = "http"
    child: Child | None = None
    trusted: ssl.SSLContext | None = None
    admin_listen: str = ""
    pid: int = 0
    """As it says itself: the process that was started may be another one, which unpacked it."""

    @classmethod
    def of(
        cls, ready: dict[str, Any], key: str, *, scheme: str = "http", child: Child | None = None
    ) -> Gateway:
        """From the line that it prints when it is ready."""
        assert list(ready) == ["event", "listen", "admin_listen", "pid"]
        assert ready["event"] == "ready"
        host, _, port = ready["listen"].rpartition(":")
        admin_listen, pid = ready["admin_listen"], ready["pid"]
        return cls(host, int(port), key, scheme, child, admin_listen=admin_listen, pid=pid)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def process(self) -> trio.Process:
        assert self.child is not None
        return self.child.process

    async def open_stream(self) -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(self.host, self.port)
        if self.trusted is None:
            return stream
        return trio.SSLStream(
            stream, self.trusted, server_hostname=self.host, https_compatible=True
        )

    @asynccontextmanager
    async def glasses(self) -> AsyncIterator[Glasses]:
        """A connection of the platform's, for at most LIFETIME; leaving hangs up."""
        with trio.fail_after(LIFETIME):
            stream = await self.open_stream()
            try:
                yield Glasses(stream)
            finally:
                await trio.aclose_forcefully(stream)

    async def ask(self, text: str = "你好", **fields: Any) -> list[str]:
        """All blocks of one answer."""
        async with self.glasses() as glasses:
            await self.send(glasses, text, **fields)
            return await glasses.receive_answer()

    async def send(self, glasses: Glasses, text: str = "你好", **fields: Any) -> None:
        """Ask on this connection; returns behind the head and `: connected`."""
        await glasses.send(question(text, **fields), key=self.key)
        response = await glasses.receive_head()
        assert response.status_code == 200, await glasses.receive_body()
        assert await glasses.receive_event() == ": connected"

    async def post(self, body: object = None, *, key: str | None = None) -> int:
        """The status of one question; its answer is not waited for."""
        async with self.glasses() as glasses:
            await glasses.send(body, key=key or self.key)
            return (await glasses.receive_head()).status_code

    async def health(self) -> tuple[int, dict[str, Any]]:
        async with self.glasses() as glasses:
            await glasses.send(method="GET", target="/health", key=None)
            status = (await glasses.receive_head()).status_code
            return status, json.loads(await glasses.receive_body())

    async def wait_for_bots(self, count: int, *, seconds: float = 5.0) -> None:
        """Wait until so many bots are online."""

        async def are_there() -> bool:
            return bool((await self.health())[1]["bots_online"] == count)

        await eventually(are_there, seconds=seconds)

    def sdk(self, bot: dict[str, Any]) -> AbstractAsyncContextManager[Sdk]:
        """An SDK of this bot, not yet subscribed; what it waits for takes at most LIFETIME."""
        return open_sdk(self.open_stream, f"{self.host}:{self.port}", bot)
