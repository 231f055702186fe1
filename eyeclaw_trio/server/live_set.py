"""What lives now, for whoever has to tell all of it something, or waits for the last of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from eyeclaw_trio.relay.signal import Signal

T = TypeVar("T")


class LiveSet(Generic[T]):
    """A set whose members are in it for the length of a block. One task at a time may wait."""

    def __init__(self) -> None:
        self._members: set[T] = set()
        self._one_less = Signal()

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._members))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._members)

    @contextmanager
    def one_more(self, member: T) -> Iterator[None]:
        """It lives while inside."""
        self._members.add(member)
        try:
            yield
        finally:
            self._members.discard(member)
            self._one_less.set()

    async def wait_for_none(self) -> None:
        """Return when there is none."""
        while self._members:
            await self._one_less.wait()
