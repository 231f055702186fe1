"""Whom to forget where too much is remembered: the oldest of whoever has most of it, so that nobody
is forgotten because somebody else has come a thousand times (RELIABILITY 36)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable
from typing import TypeVar

T = TypeVar("T")


def find_oldest_of_greediest(kept: Collection[T], *owners_of: Callable[[T], Hashable]) -> T:
    """Of these, the oldest first: of what the greediest owner has; where there are more owners
    within that, of what the greediest of those has; and so on. Where several have as many, of the
    one whose is oldest. Raises ValueError where there are none."""
    for owner_of in owners_of:
        [(greediest, _)] = Counter(map(owner_of, kept)).most_common(1)
        kept = [each for each in kept if owner_of(each) == greediest]
    return next(iter(kept))
