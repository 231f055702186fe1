"""One photo over HTTP: from addresses that were checked only, and never more of it than fits."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import aclosing
from typing import Final

import httpcore2
import httpx2
import trio
from attrs import define, evolve, field, frozen

from eyeclaw_trio import __version__
from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.addresses import check_addresses, follow, read_address
from eyeclaw_trio.wire.look_up import IpAddress, Names

# Redirects of one photo: short links have one or two.
MOST_REDIRECTS: Final = 4
# Seconds for one of several addresses, so that there is time for the next.
CONNECT_WITHIN: Final = 2.0
# So many pieces of one body may be smaller than this (bytes): a photo in chunks of one byte would
# cost us more than whoever sends it.
SMALL: Final = 256
SMALL_PIECES: Final = 2_000

_REDIRECTS: Final = (301, 302, 303, 307, 308)
# Storage that knows no types says one of these of everything; the picture's own bytes decide.
_UNTYPED: Final = ("", "application/octet-stream", "binary/octet-stream")
_HEADERS: Final = (
    ("User-Agent", f"eyeclaw-trio/{__version__}"),
    ("Accept", "image/jpeg,image/png,image/webp,image/heic,image/*;q=0.8"),
    # What is not compressed cannot become large when it is opened.
    ("Accept-Encoding", "identity"),
)


@frozen
class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to what was checked, by its number: between the check and the connection nobody is
    asked for the name again. Names are looked up for `owner`, among whom the threads for that are
    shared. `allows_private` is for tests."""

    allows_private: bool = False
    look_up: Callable[[str, int, Hashable], Awaitable[Sequence[IpAddress]]] = field(
        factory=lambda: Names().look_up
    )
    owner: Hashable = None
    network: httpcore2.AsyncNetworkBackend = field(factory=httpcore2.TrioBackend)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Look the host up, check all that it has, and connect to the first that answers.

        Raises PhotoRefused. Cancelled, it leaves no connection behind.
        """
        try:
            addresses = await self.look_up(host, port, self.owner)
        except (OSError, UnicodeError):
            raise PhotoRefused(PhotoFault.UNREACHABLE, "its host has no address") from None
        check_addresses(addresses, allows_private=self.allows_private)
        patience = CONNECT_WITHIN if timeout is None else min(timeout, CONNECT_WITHIN)
        for address in addresses:
            try:
                return await self.network.connect_tcp(
                    str(address), port, patience, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        raise PhotoRefused(PhotoFault.UNREACHABLE, "nobody answers there")


@frozen
class Fetcher:
    """Fetches photos of at most `limit` bytes."""

    limit: int
    network: CheckedNetwork
    context: ssl.SSLContext

    async def fetch(
        self, address: str, take: Callable[[int], bool], owner: Hashable = None
    ) -> bytes:
        """The bytes at this address, for this owner. `take` is asked for room before they are kept.

        Raises PhotoRefused. How long it may take is the caller's business: cancelled, it closes
        its connection.
        """
        url = read_address(address)
        network = evolve(self.network, owner=owner)
        async with httpcore2.AsyncConnectionPool(
            ssl_context=self.context, max_connections=1, network_backend=network
        ) as pool:
            for _ in range(MOST_REDIRECTS + 1):
                try:
                    found = await self._ask(pool, url, take)
                except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
                    why = f"the connection failed ({type(error).__name__})"
                    raise PhotoRefused(PhotoFault.UNREACHABLE, why) from None
                if isinstance(found, bytes):
                    return found
                url = found
        raise PhotoRefused(PhotoFault.UNREACHABLE, f"it redirects over {MOST_REDIRECTS} times")

    async def _ask(
        self, pool: httpcore2.AsyncConnectionPool, url: httpx2.URL, take: Callable[[int], bool]
    ) -> bytes | httpx2.URL:
        """The photo, or the address that it is at instead."""
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        async with pool.stream("GET", target, headers=_HEADERS) as response:
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            if response.status in _REDIRECTS and "location" in headers:
                return follow(url, headers["location"])
            if response.status != 200:
                raise PhotoRefused(PhotoFault.UNREACHABLE, f"HTTP {response.status}")
            length = self._check_head(headers)
            body = _Body(self.limit, take)
            try:
                body.reserve(length)
                async with aclosing(response.aiter_stream()) as pieces:
                    async for piece in pieces:
                        body.add(piece)
                        await trio.lowlevel.checkpoint()  # what has come is read without waiting
                return bytes(body.data)
            finally:
                body.data.clear()  # what is refused is not kept until its sentence was said

    def _check_head(self, headers: dict[str, str]) -> int:
        """The bytes that are to come, 0 where that is not said. Raises PhotoRefused."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_picture = kind.startswith("image/") and kind != "image/svg+xml"
        if not is_picture and kind not in _UNTYPED:
            raise PhotoRefused(PhotoFault.NO_IMAGE, f"it is {kind[:40]!a}")
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise PhotoRefused(PhotoFault.NO_IMAGE, "it is compressed though it should not be")
        length = headers.get("content-length", "0").strip()
        expected = int(length[:20]) if length.isascii() and length.isdigit() else 0
        if expected > self.limit:
            raise _too_large(self.limit)
        return expected


@define
class _Body:
    """What has come of one photo."""

    limit: int
    take: Callable[[int], bool]
    data: bytearray = field(factory=bytearray)
    _reserved: int = 0
    _small: int = 0

    def reserve(self, size: int) -> None:
        """Take the room for so many bytes more; for all of them at the beginning, where it was said
        how many there are: of too many photos the first get through, and not none. Raises
        PhotoRefused."""
        if not self.take(size):
            raise PhotoRefused(PhotoFault.BUSY, "too many photos come at the same time")
        self._reserved += size

    def add(self, piece: bytes) -> None:
        """So much more has come. Raises PhotoRefused."""
        size = len(self.data) + len(piece)
        if size > self.limit:
            raise _too_large(self.limit)
        self._small += len(piece) < SMALL
        if self._small > SMALL_PIECES:
            raise PhotoRefused(PhotoFault.UNREACHABLE, "it comes in crumbs")
        if size > self._reserved:
            self.reserve(size - self._reserved)
        self.data += piece


def _too_large(limit: int) -> PhotoRefused:
    return PhotoRefused(PhotoFault.LARGE, f"it has more than {limit} bytes")
