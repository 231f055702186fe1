"""The one thread that writes: it owns its connection, and nobody ever waits for SQLite but it.

It batches what is queued into one transaction, serves requests in their order among the writes,
and looks four times a second whether another process has changed the data. No error of SQLite
ends it. There is no trio in here: what goes back goes through `post`.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import structlog
from attrs import define, field

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.errors import StoreBusy, StoreError
from eyeclaw_trio.store.database import (
    BUSY_TIMEOUT,
    explain,
    is_busy,
    is_outage,
    roll_back,
    translated,
)
from eyeclaw_trio.store.snapshot import load_directory, read_data_version

log = structlog.get_logger()

# Seconds between two looks for changes. A look and a write that waits for a lock together stay
# within the second that CLI promises for what another process changed.
LOOK_EVERY: Final = 0.25
_LOCK_WAIT: Final = 0.4
# Seconds that a write waits for others to come along: ten commits a second instead of two for
# every turn, which answers felt (on a small machine, p99 of an offline answer 9 ms instead of 3).
_LINGER: Final = 0.1
# Writes in one transaction: it is short, and 100 of them cost hardly more than one.
_BATCH: Final = 100
# Seconds between two writes, where there are not too many. On one core the event loop stands still
# while this thread computes, and the kernel does not take the core from it within a millisecond
# or two: in one go the writes of a few turns delayed every chunk that came meanwhile by as much.
_BREATH: Final = 0.001
_CROWD: Final = 40
# Places in the queue that writes leave to requests: a page is served in the middle of a flood.
REQUESTS: Final = 64
# Seconds that leaving waits for what is queued.
FLUSH_TIMEOUT: Final = 2.0
# Seconds until a chore that failed is tried again.
_CHORE_AGAIN: Final = 1.0

Write = Callable[[sqlite3.Connection], None]


@define(eq=False)
class Chore:
    """Work that comes back every so many seconds; `step` says whether there is more at once.

    It makes its own transactions, each short, and waits while a write is behind a lock.
    """

    step: Callable[[sqlite3.Connection], bool]
    every: float


@define(eq=False)
class Request:
    """Work whose result somebody waits for. `answered` runs on the thread, once, at its end."""

    work: Callable[[sqlite3.Connection], Any]
    answered: Callable[[], None]
    result: Any = None
    error: Exception | None = None
    is_withdrawn: bool = False
    is_done: bool = False

    def finish(self, error: Exception | None = None) -> None:
        """Say that it is over; the first word counts."""
        if not self.is_done:
            self.is_done = True
            self.error = error
            self.answered()


@define(eq=False)
class _Trouble:
    """One kind of work that may fail for a while: logged once per burst."""

    what: str
    is_on: bool = False

    def begin(self, error: Exception) -> None:
        if not self.is_on:
            self.is_on = True
            why = explain(error) if isinstance(error, sqlite3.Error) else str(error)
            log.warning("store.failing", what=self.what, error=why)

    def end(self) -> None:
        if self.is_on:
            self.is_on = False
            log.info("store.recovered", what=self.what)


@define(eq=False)
class Writer:
    """The thread and its queue.

    `capacity` bounds the writes in the queue, and once more those that wait for a lock. `publish`
    is called on the thread with each new directory; it must not wait. `chore` is done first after
    `chore.every` seconds.
    """

    _db: sqlite3.Connection
    _capacity: int
    _publish: Callable[[Directory], None]
    _chore: Chore
    dropped: int = field(default=0, init=False)
    """Writes that were taken from the queue and given up."""
    failures: int = field(default=0, init=False)
    """Errors of SQLite in writes and looks."""
    _queue: queue.Queue[Write | Request | None] = field(init=False)
    _hurry: threading.Event = field(factory=threading.Event, init=False)
    _kept: list[Write] = field(factory=list, init=False)
    _seen: int = field(default=0, init=False)
    _writing: _Trouble = field(factory=lambda: _Trouble("write"), init=False)
    _looking: _Trouble = field(factory=lambda: _Trouble("look"), init=False)
    _tidying: _Trouble = field(factory=lambda: _Trouble("tidy"), init=False)
    _tidy_at: float = field(default=0.0, init=False)
    _stop_at: float | None = field(default=None, init=False)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._queue = queue.Queue(self._capacity + REQUESTS)
        self._thread = threading.Thread(target=self._live, name="eyeclaw-store", daemon=True)

    @property
    def is_failing(self) -> bool:
        """Whether the last write, the last look or the last step of the chore failed."""
        return self._writing.is_on or self._looking.is_on or self._tidying.is_on

    def start(self, seen: int) -> None:
        """Begin; `seen` is the data version that the caller's directory was loaded at."""
        self._seen = seen
        self._tidy_at = time.monotonic() + self._chore.every
        self._thread.start()

    def put(self, item: Write | Request) -> bool:
        """Queue a write or request, without waiting; false when the queue is full or closed.

        Called by one thread only: between the look at the size and the put it can but shrink.
        """
        if self._stop_at is not None:
            return False
        if not isinstance(item, Request) and self._queue.qsize() >= self._capacity:
            return False
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            return False
        if isinstance(item, Request) or self._queue.qsize() > self._capacity // 2:
            self._hurry.set()
        return True

    def stop(self) -> None:
        """Begin to stop: what is queued is still written, for FLUSH_TIMEOUT at most."""
        self._stop_at = time.monotonic() + FLUSH_TIMEOUT
        with suppress(queue.Full):  # where it is full, the thread is awake anyway
            self._queue.put_nowait(None)
        self._hurry.set()

    def join(self, timeout: float) -> None:
        """Block until the thread has closed its connection, for `timeout` seconds at most."""
        self._thread.join(timeout)

    def _live(self) -> None:
        items: list[Write | Request] = []
        try:
            self._set_patience(_LOCK_WAIT)
            while not self._is_over():
                items = self._take()
                # Before anything that may wait for a lock: a revoked key must not wait with it.
                self._look()
                self._serve(items)
                self._tidy()
        except Exception as error:
            # A bug of ours. Answers go on from the snapshot, and health says degraded.
            self._writing.begin(error)
            log.exception("store.thread_died")
        finally:
            self._abandon(items)
            try:
                self._db.close()
            except sqlite3.Error as error:
                log.warning("store.not_closed", error=explain(error))

    def _is_over(self) -> bool:
        if self._stop_at is None:
            return False
        return (self._queue.empty() and not self._kept) or time.monotonic() >= self._stop_at

    def _take(self) -> list[Write | Request]:
        items: list[Write | Request] = []
        try:
            # What is kept is tried again in a moment, also when we are stopping.
            item = self._queue.get(timeout=LOOK_EVERY if self._stop_at is None else 0.02)
            # Not by waiting at the queue: every item would wake this thread.
            self._hurry.wait(_LINGER if self._stop_at is None else 0)
            self._hurry.clear()
            while True:
                if item is not None:
                    items.append(item)
                if len(items) >= _BATCH:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        return items

    def _look(self) -> None:
        """Publish a new directory if another connection has changed the data."""
        try:
            version = read_data_version(self._db)
            if version != self._seen:
                # Noted only when it worked, so that a failure is tried again.
                self._load()
                self._seen = version
        except (sqlite3.Error, StoreError) as error:
            self.failures += 1
            self._looking.begin(error)
        else:
            self._looking.end()

    def _load(self) -> None:
        self._publish(load_directory(self._db))

    def _serve(self, items: list[Write | Request]) -> None:
        writes = self._kept
        self._kept = []
        for item in items:
            if not isinstance(item, Request):
                writes.append(item)
                continue
            # A request sees what was queued before it, unless the database is locked.
            self._write(writes)
            writes = self._kept
            self._kept = []
            self._look()  # several requests may wait for a lock one after the other
            self._answer(item)
        self._write(writes)

    def _write(self, writes: list[Write]) -> None:
        """All of them in one transaction; what could not be written is kept or given up."""
        if not writes:
            return
        written = 0
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for write in writes:
                written += self._write_one(write)
                if len(writes) < _CROWD and self._stop_at is None:
                    time.sleep(_BREATH)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            roll_back(self._db)
            self.failures += 1
            self._writing.begin(error)
            # Behind a lock all is kept that there is room for. A full disk takes nothing for a
            # long time: only the newest stays, which shows when there is space again.
            room = self._capacity if is_busy(error) else 1
            self.dropped += max(0, len(writes) - room)
            self._kept = writes[-room:]
        else:
            self.dropped += len(writes) - written
            self._writing.end()

    def _write_one(self, write: Write) -> bool:
        """One write in a savepoint, so that a bad one costs only itself; false when it was bad."""
        self._db.execute("SAVEPOINT one")
        try:
            write(self._db)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and is_outage(error):
                raise
            log.exception("store.bad_write")
            self._db.execute("ROLLBACK TO one")
            self._db.execute("RELEASE one")
            return False
        self._db.execute("RELEASE one")
        return True

    def _answer(self, request: Request) -> None:
        if request.is_withdrawn:
            return
        before = self._db.total_changes
        failure: Exception | None = None
        # Somebody waits for this one and wants to hear "busy" only where it is.
        self._set_patience(BUSY_TIMEOUT if self._stop_at is None else _LOCK_WAIT)
        try:
            with translated():
                request.result = request.work(self._db)
        except Exception as error:
            failure = error
        roll_back(self._db)
        self._set_patience(_LOCK_WAIT)
        if self._db.total_changes != before:
            self._load_own()
        request.finish(failure)

    def _load_own(self) -> None:
        """Publish what a request changed: SQLite counts only others' changes as new."""
        try:
            self._load()
        except StoreError as error:
            self.failures += 1
            self._looking.begin(error)
            self._seen = -1  # so that the next look loads

    def _tidy(self) -> None:
        """A step of the chore, when it is due and nothing waits for a lock."""
        if self._kept or self._stop_at is not None or time.monotonic() < self._tidy_at:
            return
        pause = _CHORE_AGAIN
        try:
            pause = 0.0 if self._chore.step(self._db) else self._chore.every
        except StoreError as error:
            self.failures += 1
            self._tidying.begin(error)
        except Exception:
            log.exception("store.bad_chore")
        else:
            self._tidying.end()
        self._tidy_at = time.monotonic() + pause

    def _set_patience(self, seconds: float) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _abandon(self, taken: Iterable[Write | Request]) -> None:
        """Nothing more will be done: answer who waits, count what is lost."""
        self._stop_at = time.monotonic()  # nothing comes into the queue any more
        self.dropped += len(self._kept)
        left = [item for item in taken if isinstance(item, Request)]
        with suppress(queue.Empty):
            while True:
                item = self._queue.get_nowait()
                if isinstance(item, Request):
                    left.append(item)
                elif item is not None:
                    self.dropped += 1
        for request in left:
            request.finish(StoreBusy("the gateway is stopping; try again"))
        if self.dropped:
            log.warning("store.dropped", writes=self.dropped)
