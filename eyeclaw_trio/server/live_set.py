"""What lives now, for whoever has to tell all of it something, or waits for the last of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from attrs import frozen

from eyeclaw_trio.wakeup import Wakeup

T = TypeVar("T")


class LiveSet(Generic[T]):
    """A set whose members are in it for the length of a block. One task at a time may wait."""

    def __init__(self) -> None:
        self._members: set[T] = set()
        self._one_less = Wakeup()

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._members))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._members)

    def one_more(self, member: T) -> _Life[T]:
        """It lives while inside."""
        return _Life(self._members, self._one_less, member)

    async def wait_for_none(self) -> None:
        """Return when there is none."""
        while self._members:
            await self._one_less.wait()


@frozen
class _Life(Generic[T]):
    """A block for one member; smaller than a generator, because there may be ten thousand."""

    members: set[T]
    one_less: Wakeup
    member: T

    def __enter__(self) -> None:
        self.members.add(self.member)

    def __exit__(self, *_: object) -> None:
        self.members.discard(self.member)
        self.one_less.set()
