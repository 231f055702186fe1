"""Hosts that photos come from, without sockets: names by a table, answers by a script."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Final

import httpcore2
import trio
from attrs import define, field

from eyeclaw_trio.errors import PhotoRefused
from eyeclaw_trio.photos.fetch import CheckedNetwork, Fetcher
from eyeclaw_trio.photos.guard import PhotoGuard
from eyeclaw_trio.photos.pictures import Pictures
from eyeclaw_trio.wire.look_up import IpAddress

ADDRESS: Final = "http://photos.example/a.jpg"
HOST: Final = "93.184.216.34"
# What a host says: bytes, and seconds of silence in between.
Script = Sequence[bytes | float]


def respond(
    body: bytes | None = b"", *, status: str = "200 OK", kind: str | None = None, **headers: str
) -> list[bytes | float]:
    """One response; with None the body follows, as long as it likes, until the connection ends."""
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else [])]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += ["Connection: close"] if body is None else [f"Content-Length: {len(body)}"]
    return [("\r\n".join(lines) + "\r\n\r\n").encode(), body or b""]


@define
class _Host(httpcore2.AsyncNetworkStream):
    said: Iterable[bytes | float]
    asked: bytearray
    is_closed: bool = False
    _rest: Iterator[bytes | float] | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._rest is None:
            self._rest = iter(self.said)
        for part in self._rest:
            if isinstance(part, float):
                await trio.sleep(part)
            elif part:
                assert len(part) <= max_bytes
                return part
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.asked += buffer

    async def aclose(self) -> None:
        self.is_closed = True

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.asked += f"TLS with {server_hostname}\n".encode()
        return self


@define
class Hosts(httpcore2.AsyncNetworkBackend):
    """`names` say what each look-up of a name gives, one after the other and the last for ever;
    `scripts` what is at an address. `asked` is what was sent, and to which address."""

    names: dict[str, list[list[str]]] = field(factory=dict)
    scripts: dict[str, Iterable[bytes | float]] = field(factory=dict)
    asked: list[tuple[str, bytearray]] = field(factory=list)
    streams: list[_Host] = field(factory=list)
    looked_up: list[str] = field(factory=list)

    def fetcher(self, limit: int = 10_000) -> Fetcher:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return Fetcher(limit, CheckedNetwork(look_up=self.look_up, network=self), context)

    @property
    def connected_to(self) -> list[str]:
        return [address for address, _ in self.asked]

    async def look_up(self, host: str, port: int, owner: Hashable) -> list[IpAddress]:
        """By the table; numbers, in any spelling, as the system reads them."""
        await trio.lowlevel.checkpoint()
        answers = self.names.get(host)
        if answers is None:
            found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
            return [ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])]
        self.looked_up.append(host)
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ipaddress.ip_address(each.partition("%")[0]) for each in addresses]

    async def connect_tcp(
        self, host: str, port: int, *_: Any, **__: Any
    ) -> httpcore2.AsyncNetworkStream:
        asked = bytearray()
        self.asked.append((host, asked))
        if host not in self.scripts:
            raise httpcore2.ConnectError("refused")
        stream = _Host(self.scripts[host], asked)
        self.streams.append(stream)
        return stream


@define(eq=False)
class Opened(Pictures):
    """Opens nothing: what would be opened is remembered."""

    given: list[bytes] = field(factory=list)
    seconds: float = 0.0
    failure: PhotoRefused | None = None

    async def make_jpeg(self, data: bytes, key_id: Hashable = None) -> bytes:
        self.given.append(data)
        await trio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        return b"jpeg of " + data

    async def read_codes(self, data: bytes, key_id: Hashable = None) -> tuple[str, ...]:
        return (data.decode(),)


def guard_of(script: Script, opened: Opened | None = None, limit: int = 1000) -> PhotoGuard:
    hosts = Hosts({"photos.example": [[HOST]]}, {HOST: script})
    return PhotoGuard(hosts.fetcher(limit), 8.0, opened or Opened())
