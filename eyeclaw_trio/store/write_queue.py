"""What waits for the writer: filled by the trio thread, emptied in batches by the writer's."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from attrs import define, field

from eyeclaw_trio.store.jobs import MOST_JOBS, Job

# Seconds that a write waits for others to come along: ten commits a second instead of two for
# every turn, which answers felt (on a small machine, p99 of an offline answer 9 ms instead of 3).
_LINGER: Final = 0.1
# Writes in one transaction: it is short, and 100 of them cost hardly more than one.
_BATCH: Final = 100
# Seconds between two looks at what was left over, while stopping.
_LAST_LOOKS: Final = 0.02

Write = Callable[[sqlite3.Connection], None]


@define(eq=False)
class WriteQueue:
    """Writes, at most `capacity` of them, and the jobs between them, in their order.

    Requests have places of their own: a page is served in the middle of a flood.
    """

    capacity: int
    _items: queue.Queue[Write | Job | None] = field(init=False)
    _hurry: threading.Event = field(factory=threading.Event, init=False)
    _stop_at: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._items = queue.Queue(self.capacity + MOST_JOBS)

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is taken in."""
        return self._stop_at is not None

    @property
    def is_late(self) -> bool:
        """Whether the time is over that stopping gave to what is left."""
        return self._stop_at is not None and time.monotonic() >= self._stop_at

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._items.empty()

    def put(self, item: Write | Job) -> bool:
        """Queue a write or job, without waiting; false when the queue is full or stopping.

        Called by one thread only: between the look at the size and the put it can but shrink.
        """
        if self._stop_at is not None:
            return False
        if not isinstance(item, Job) and self._items.qsize() >= self.capacity:
            return False
        try:
            self._items.put_nowait(item)
        except queue.Full:
            return False
        if isinstance(item, Job) or self._items.qsize() > self.capacity // 2:
            self._hurry.set()
        return True

    def stop(self, timeout: float) -> None:
        """Take nothing more in; what is there has `timeout` seconds."""
        self._stop_at = time.monotonic() + timeout
        with suppress(queue.Full):  # where it is full, the writer is awake anyway
            self._items.put_nowait(None)
        self._hurry.set()

    def take(self, timeout: float) -> list[Write | Job]:
        """What waits, at most a batch; empty when nothing came for `timeout` seconds."""
        items: list[Write | Job] = []
        try:
            # What was left over is tried again in a moment, when stopping.
            item = self._items.get(timeout=_LAST_LOOKS if self.is_stopping else timeout)
            # Not by waiting at the queue: every item would wake the thread.
            self._hurry.wait(0 if self.is_stopping else _LINGER)
            self._hurry.clear()
            while True:
                if item is not None:
                    items.append(item)
                if len(items) >= _BATCH:
                    break
                item = self._items.get_nowait()
        except queue.Empty:
            pass
        return items

    def empty(self) -> Iterator[Write | Job]:
        """Stop at once, and give out what is left."""
        self._stop_at = time.monotonic()
        with suppress(queue.Empty):
            while True:
                item = self._items.get_nowait()
                if item is not None:
                    yield item
