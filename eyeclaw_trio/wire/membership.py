"""A block that is one member of a set; smaller than a generator, because there may be ten
thousand of them."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import frozen

from eyeclaw_trio.wakeup import Wakeup

T = TypeVar("T")


@frozen
class Membership(Generic[T]):
    """`member` is one of `members` while inside; `on_change` is set when it comes and goes."""

    members: set[T]
    member: T
    on_change: Wakeup

    def __enter__(self) -> None:
        self.members.add(self.member)
        self.on_change.set()

    def __exit__(self, *_: object) -> None:
        self.members.discard(self.member)
        self.on_change.set()
