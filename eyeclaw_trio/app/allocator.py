"""How the C library keeps memory: what large pieces took goes back to the system with them."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

# Pieces from this size on (bytes) are mapped each by itself. So it is at first, with 128 KiB; but
# glibc takes the size of whatever large piece is freed for the new bound, up to 32 MiB, and keeps
# what lies below it between others: thirty photos of half a megabyte left eighteen behind. What is
# read of a socket in one go (64 KiB) has to stay below it: that comes and goes all the time.
LARGE: Final = 98_304
_M_MMAP_THRESHOLD: Final = -3  # malloc.h


def give_large_pieces_back() -> None:
    """From now on, where the C library can be told so; others have ways of their own."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)
