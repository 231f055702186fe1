"""Long texts of a page, made slice by slice: one that takes 20 ms to be made in one go would stop
every answer that runs for as long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Final

import trio

# Pieces that are made in one go: of an event's or a dot's size, 1 ms of them.
TOGETHER: Final = 100


async def slices(pieces: Iterable[str], together: int = TOGETHER) -> AsyncIterator[str]:
    """These pieces joined to slices, so that others have their turn between them. Cancelled
    between two, it ends there."""
    taken = iter(pieces)
    while some := list(islice(taken, together)):
        yield "".join(some)
        await trio.lowlevel.checkpoint()


async def joined(pieces: Iterable[str], together: int = TOGETHER) -> str:
    """All of them. Cancelled, nothing has happened."""
    return "".join([slice_ async for slice_ in slices(pieces, together)])
