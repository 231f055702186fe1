"""How long to wait before the next attempt: 1, 2, 4 … 30 s, each ±25 %.

The spread keeps two thousand bots from coming back in the same instant after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

FIRST: Final = 1.0
HIGHEST: Final = 30.0
SPREAD: Final = 0.25


def backoff(random: Callable[[], float]) -> Iterator[float]:
    """Delays in seconds, for ever. `random` gives numbers from 0 up to 1, as `random.random`.

    The highest delay is spread too, so it may reach 37.5 s.
    """
    delay = FIRST
    while True:
        yield delay * (1 - SPREAD + 2 * SPREAD * random())
        delay = min(delay * 2, HIGHEST)
