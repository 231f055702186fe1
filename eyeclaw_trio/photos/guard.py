"""The one way in for photos, whoever names them: glasses, workers, OpenAI clients.

What comes out is either a JPEG that any model takes, without anything beside the picture, or one
refusal with a sentence for whoever waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Final, TypeVar

import structlog
import trio
from attrs import define, field

from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.data_url import is_data_url, make_data_url, read_data_url
from eyeclaw_trio.photos.fetch import CheckedNetwork, Fetcher
from eyeclaw_trio.photos.pictures import Pictures
from eyeclaw_trio.trust import trusted_context

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

# What all owners share, so that one who takes all he can get leaves enough for the others: bytes of
# photos that are here before they are opened, and photos that are fetched at the same time.
ROOM: Final = 48 * 1_048_576
AT_ONCE: Final = 64
# A photo may take this part of the time that a request may: the sentence has to come within it.
_SHARE_OF_TIME: Final = 0.8


@define(eq=False)
class PhotoGuard:
    """Takes photos in. `limit` is in bytes, `within` in seconds: fetched and opened."""

    fetcher: Fetcher
    within: float
    pictures: Pictures = field(factory=Pictures)
    _room: Shares = field(factory=lambda: Shares(ROOM), init=False)
    _open: Shares = field(factory=lambda: Shares(AT_ONCE), init=False)

    @classmethod
    def of(cls, limit: int, request_timeout: float, *, allows_private: bool = False) -> PhotoGuard:
        """A guard for photos of at most `limit` bytes that refuses well within `request_timeout`
        (seconds). Raises ConfigurationError as `trusted_context`."""
        network = CheckedNetwork(allows_private)
        fetcher = Fetcher(limit, network, trusted_context())
        return cls(fetcher, _SHARE_OF_TIME * request_timeout)

    async def take_in(self, address: str, owner: Hashable) -> str:
        """The photo at this address (http, https or data:) as a `data:` URL of a JPEG.

        `owner` is who shares the room with all others: a wearer with his key. Raises PhotoRefused,
        within `within` seconds. Cancelled, nothing of it is left.
        """
        return make_data_url(await self._take(address, owner, self.pictures.make_jpeg))

    async def read_codes(self, address: str, owner: Hashable) -> tuple[str, ...]:
        """The texts of the QR codes in the photo at this address, none where none can be read.

        As `take_in` in everything else; cancelled, too.
        """
        return await self._take(address, owner, self.pictures.read_codes)

    async def _take(
        self, address: str, owner: Hashable, use: Callable[[bytes], Awaitable[Result]]
    ) -> Result:
        place, room = self._open.portion(owner), self._room.portion(owner)
        began = trio.current_time()
        try:
            if not place.take(1):
                raise PhotoRefused(PhotoFault.BUSY, "too many photos come at the same time")
            with trio.move_on_after(self.within):
                data = await self._receive(address, room.take, owner)
                result = await use(data)
                seconds = round(trio.current_time() - began, 3)
                log.info("photo.taken", bytes=len(data), seconds=seconds)
                return result
            raise PhotoRefused(PhotoFault.SLOW, f"it took more than {self.within:g} s")
        except PhotoRefused as refused:
            log.warning("photo.refused", fault=refused.code, why=refused.why)
            raise
        finally:
            room.release()
            place.release()

    async def _receive(self, address: str, take: Callable[[int], bool], owner: Hashable) -> bytes:
        if not is_data_url(address):
            return await self.fetcher.fetch(address, take, owner)
        data = read_data_url(address, self.fetcher.limit)
        if not take(len(data)):
            raise PhotoRefused(PhotoFault.BUSY, "too many photos come at the same time")
        return data
