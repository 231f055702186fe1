"""A bound for what blocks: a test that hangs fails instead."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fail_after_seconds(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in this block once it has taken so long; of the main thread only, and
    not for trio, which has its own."""

    def expire(*_: object) -> None:
        raise TimeoutError(f"it has not come back within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
