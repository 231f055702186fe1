"""What lives now, for whoever has to tell all of it something, or waits for the last of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.membership import Membership

T = TypeVar("T")


class LiveSet(Generic[T]):
    """A set whose members are in it for the length of a block. One task at a time may wait."""

    def __init__(self) -> None:
        self._members: set[T] = set()
        self._changed = Wakeup()

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._members))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._members)

    def one_more(self, member: T) -> Membership[T]:
        """It lives while inside."""
        return Membership(self._members, member, self._changed)

    async def wait_for_none(self) -> None:
        """Return when there is none. Cancellation changes nothing."""
        while self._members:
            await self._changed.wait()
