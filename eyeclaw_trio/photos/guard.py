"""The one way in for photos, whoever names them: glasses, workers, OpenAI clients.

What comes out is either a JPEG that any model takes, without anything beside the picture, or one
refusal with a sentence for whoever waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, TypeVar

import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.shares import Portion, Shares
from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.data_url import is_data_url, make_data_url, read_data_url
from eyeclaw_trio.photos.fetch import CheckedNetwork, Fetcher
from eyeclaw_trio.photos.pictures import Pictures
from eyeclaw_trio.trust import trusted_context
from eyeclaw_trio.wire.peer_log import PeerLog

Result = TypeVar("Result")

# What all keys share, and all wearers, so that one who takes all he can get leaves enough for the
# others: bytes of photos that are here before they are opened, and photos at the same time. Who has
# a key may name as many wearers as he likes.
ROOM: Final = 48 * 1_048_576
AT_ONCE: Final = 64
# One key may have three quarters, of which one wearer may have the most: half of all.
_GENEROSITY: Final = 3
# A photo may take this part of the time that a request may: the sentence has to come within it.
_SHARE_OF_TIME: Final = 0.8


@frozen
class Sender:
    """Whose photo it is: a wearer's, who came with this key; without one the owner's own."""

    key_id: int | None
    user_id: str | None = None


@define(eq=False)
class _Room:
    """What all senders share of something, by keys and by wearers."""

    _keys: Shares
    _wearers: Shares

    @classmethod
    def of(cls, limit: int) -> _Room:
        """So much of it for all."""
        return cls(Shares(limit, _GENEROSITY), Shares(limit))

    @property
    def by_key(self) -> Shares:
        """What keys share of it."""
        return self._keys

    def portion(self, sender: Sender) -> _Portion:
        """Something of this sender's that will take its part."""
        return _Portion(self._keys.portion(sender.key_id), self._wearers.portion(sender))


@define(eq=False)
class _Portion:
    """As `shares.Portion`, of both."""

    _of_key: Portion
    _of_wearer: Portion

    def take(self, amount: int) -> bool:
        """As `Portion`."""
        if not self._of_wearer.take(amount):
            return False
        if self._of_key.take(amount):
            return True
        self._of_wearer.give_back(amount)
        return False

    def release(self) -> None:
        """As `Portion`."""
        self._of_wearer.release()
        self._of_key.release()


@define(eq=False)
class PhotoGuard:
    """Takes photos in. `limit` is in bytes, `within` in seconds: fetched and opened."""

    fetcher: Fetcher
    within: float
    pictures: Pictures = field(factory=Pictures)
    _room: _Room = field(factory=lambda: _Room.of(ROOM), init=False)
    _open: _Room = field(factory=lambda: _Room.of(AT_ONCE), init=False)
    _peers: PeerLog = field(factory=PeerLog, init=False)

    @classmethod
    def of(cls, limit: int, request_timeout: float, *, allows_private: bool = False) -> PhotoGuard:
        """A guard for photos of at most `limit` bytes that refuses well within `request_timeout`
        (seconds). Raises ConfigurationError as `trusted_context`."""
        network = CheckedNetwork(allows_private)
        fetcher = Fetcher(limit, network, trusted_context())
        return cls(fetcher, _SHARE_OF_TIME * request_timeout)

    @property
    def room(self) -> Shares:
        """What photos take (bytes), by whose key they came with."""
        return self._room.by_key

    async def take_in(self, address: str, sender: Sender) -> str:
        """The photo at this address (http, https or data:) as a `data:` URL of a JPEG.

        The sender shares the room with all others. Raises PhotoRefused, within `within` seconds.
        Cancelled, nothing of it is left.
        """
        return make_data_url(await self._take(address, sender, self.pictures.make_jpeg))

    async def take_all_in(
        self, addresses: Sequence[str], sender: Sender, *, may_be_missing: bool = False
    ) -> dict[int, str]:
        """The photos at these addresses, by their places among them: side by side, so that several
        take no longer than one may.

        One that is refused refuses all, but for one that cannot be fetched where that
        `may_be_missing`. Raises as `take_in`; cancelled, too.
        """
        images = dict[int, str]()
        refusals: list[PhotoRefused] = []
        async with trio.open_nursery() as nursery:

            async def take(place: int, address: str) -> None:
                try:
                    images[place] = await self.take_in(address, sender)
                except PhotoRefused as refused:
                    if may_be_missing and refused.fault is PhotoFault.UNREACHABLE:
                        return
                    refusals.append(refused)
                    nursery.cancel_scope.cancel()

            for place, address in enumerate(addresses):
                nursery.start_soon(take, place, address)
        if refusals:
            try:
                raise refusals[0]
            finally:
                refusals.clear()  # it would hold this frame, and the frame it, and both the photos
        return {place: images[place] for place in sorted(images)}

    async def read_codes(self, address: str, sender: Sender) -> tuple[str, ...]:
        """The texts of the QR codes in the photo at this address, none where none can be read.

        As `take_in` in everything else; cancelled, too.
        """
        return await self._take(address, sender, self.pictures.read_codes)

    async def _take(
        self, address: str, sender: Sender, use: Callable[[bytes, Hashable], Awaitable[Result]]
    ) -> Result:
        place, room = self._open.portion(sender), self._room.portion(sender)
        began = trio.current_time()
        whose = "the owner" if sender.key_id is None else f"key {sender.key_id}"
        try:
            if not place.take(1):
                raise PhotoRefused(PhotoFault.BUSY, "too many photos come at the same time")
            with trio.move_on_after(self.within):
                data = await self._receive(address, room.take, sender)
                result = await use(data, sender.key_id)
                seconds = round(trio.current_time() - began, 3)
                self._peers.info(whose, "photo.taken", bytes=len(data), seconds=seconds)
                return result
            raise PhotoRefused(PhotoFault.SLOW, f"it took more than {self.within:g} s")
        except PhotoRefused as refused:
            self._peers.warning(whose, "photo.refused", fault=refused.code, why=refused.why)
            raise
        finally:
            room.release()
            place.release()

    async def _receive(self, address: str, take: Callable[[int], bool], sender: Sender) -> bytes:
        if not is_data_url(address):
            return await self.fetcher.fetch(address, take, sender.key_id)
        data = read_data_url(address, self.fetcher.limit)
        if not take(len(data)):
            raise PhotoRefused(PhotoFault.BUSY, "too many photos come at the same time")
        return data
