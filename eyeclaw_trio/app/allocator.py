"""How the C library keeps memory: what large pieces took goes back to the system with them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import trio

# Pieces from this size on (bytes) are mapped each by itself. So it is at first, with 128 KiB; but
# glibc takes the size of whatever large piece is freed for the new bound, up to 32 MiB, and keeps
# what lies below it between others: thirty photos of half a megabyte left eighteen behind. What is
# read of a socket in one go (64 KiB) has to stay below it: that comes and goes all the time.
LARGE: Final = 98_304
# How many connections a crowd is, and how often it is looked whether one has gone (seconds).
CROWD: Final = 200
LOOK_EVERY: Final = 2.0
_M_MMAP_THRESHOLD: Final = -3  # malloc.h


def give_large_pieces_back() -> None:
    """From now on, where the C library can be told so; others have ways of their own."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)


async def give_back_after_crowds(count: Callable[[], int]) -> None:
    """Have the C library give back what it keeps between other pieces, each time that so many of
    what is counted have gone: 1,500 connections with TLS left 18 MiB behind. Until cancelled;
    returns where that library is another one."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return  # another C library
    most = 0
    while True:
        await trio.sleep(LOOK_EVERY)
        now = count()
        if most - now >= CROWD:
            trim(0)  # some milliseconds
            most = now
        most = max(most, now)
