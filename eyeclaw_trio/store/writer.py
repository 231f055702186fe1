"""The one thread that writes: it owns its connection, and nobody ever waits for SQLite but it.

It batches what is queued into one transaction, serves jobs in their order among the writes,
and looks four times a second whether another process has changed the data. No error of SQLite
ends it. There is no trio in here: what goes back goes through `post`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from attrs import define, field

from eyeclaw_trio.errors import StoreError
from eyeclaw_trio.store.database import (
    BUSY_TIMEOUT,
    explain,
    is_busy,
    is_outage,
    roll_back,
    translated,
)
from eyeclaw_trio.store.jobs import Job
from eyeclaw_trio.store.snapshot import Lookout
from eyeclaw_trio.store.trouble import Trouble
from eyeclaw_trio.store.write_queue import Write, WriteQueue

log = structlog.get_logger()

# Seconds between two looks for changes. A look and a write that waits for a lock together stay
# within the second that CLI promises for what another process changed.
LOOK_EVERY: Final = 0.25
_LOCK_WAIT: Final = 0.4
# Seconds between two writes, where there are not too many. On one core the event loop stands still
# while this thread computes, and the kernel does not take the core from it within a millisecond
# or two: in one go the writes of a few turns delayed every chunk that came meanwhile by as much.
_BREATH: Final = 0.001
_CROWD: Final = 40
# Seconds that leaving waits for what is queued.
LAST_WRITES: Final = 2.0
# Seconds until a chore that failed is tried again.
_CHORE_AGAIN: Final = 1.0


@define(eq=False)
class Chore:
    """Work that comes back every so many seconds; `step` says whether there is more at once.

    It makes its own transactions, each short, and waits while a write is behind a lock.
    """

    step: Callable[[sqlite3.Connection], bool]
    every: float


@define(eq=False)
class Writer:
    """The thread and its queue.

    `capacity` bounds the writes in the queue, and once more those that wait for a lock. `lookout`
    belongs to the thread. `chore` is done first after `chore.every` seconds.
    """

    _db: sqlite3.Connection
    _capacity: int
    _lookout: Lookout
    _chore: Chore
    dropped: int = field(default=0, init=False)
    """Writes that were taken from the queue and given up."""
    _queue: WriteQueue = field(init=False)
    _kept: list[Write] = field(factory=list, init=False)
    _writing: Trouble = field(factory=lambda: Trouble("write"), init=False)
    _tidying: Trouble = field(factory=lambda: Trouble("tidy"), init=False)
    _tidy_at: float = field(default=0.0, init=False)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._queue = WriteQueue(self._capacity)
        self._thread = threading.Thread(target=self._live, name="eyeclaw-store", daemon=True)

    @property
    def is_failing(self) -> bool:
        """Whether the last write, the last look or the last step of the chore failed."""
        return self._writing.is_on or self._lookout.is_failing or self._tidying.is_on

    def start(self) -> None:
        """Begin."""
        self._tidy_at = time.monotonic() + self._chore.every
        self._thread.start()

    def put(self, item: Write | Job) -> bool:
        """Queue a write or job, without waiting; false when the queue is full or closed."""
        return self._queue.put(item)

    def stop(self) -> None:
        """Begin to stop: what is queued is still written, for LAST_WRITES at most."""
        self._queue.stop(LAST_WRITES)

    def join(self, timeout: float) -> None:
        """Block until the thread has closed its connection, for `timeout` seconds at most."""
        self._thread.join(timeout)

    def _live(self) -> None:
        items: list[Write | Job] = []
        try:
            self._set_patience(_LOCK_WAIT)
            while not self._is_over():
                items = self._queue.take(LOOK_EVERY)
                # Before anything that may wait for a lock: a revoked key must not wait with it.
                self._lookout.look(self._db)
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
        is_done = self._queue.is_stopping and self._queue.is_empty and not self._kept
        return is_done or self._queue.is_late

    def _serve(self, items: list[Write | Job]) -> None:
        writes = self._kept
        self._kept = []
        for item in items:
            if not isinstance(item, Job):
                writes.append(item)
                continue
            # A job sees what was queued before it, unless the database is locked.
            self._write(writes)
            writes = self._kept
            self._kept = []
            self._lookout.look(self._db)  # several jobs may wait for a lock one after the other
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
                if len(writes) < _CROWD and not self._queue.is_stopping:
                    time.sleep(_BREATH)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            roll_back(self._db)
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

    def _answer(self, job: Job) -> None:
        if job.is_withdrawn:
            return
        before = self._db.total_changes
        failure: Exception | None = None
        # Somebody waits for this one and wants to hear "busy" only where it is.
        self._set_patience(_LOCK_WAIT if self._queue.is_stopping else BUSY_TIMEOUT)
        try:
            with translated():
                job.result = job.work(self._db)
        except Exception as error:
            failure = error
        roll_back(self._db)
        self._set_patience(_LOCK_WAIT)
        if self._db.total_changes != before:
            self._lookout.load(self._db)
        job.finish(failure)

    def _tidy(self) -> None:
        """A step of the chore, when it is due and nothing waits for a lock."""
        if self._kept or self._queue.is_stopping or time.monotonic() < self._tidy_at:
            return
        pause = _CHORE_AGAIN
        try:
            pause = 0.0 if self._chore.step(self._db) else self._chore.every
        except StoreError as error:
            self._tidying.begin(error)
        except Exception:
            log.exception("store.bad_chore")
        else:
            self._tidying.end()
        self._tidy_at = time.monotonic() + pause

    def _set_patience(self, seconds: float) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _abandon(self, taken: Iterable[Write | Job]) -> None:
        """Nothing more will be done: answer who waits, count what is lost."""
        self.dropped += len(self._kept)
        left = [item for item in taken if isinstance(item, Job)]
        for item in self._queue.empty():
            if isinstance(item, Job):
                left.append(item)
            else:
                self.dropped += 1
        for job in left:
            job.refuse()
        if self.dropped:
            log.warning("store.dropped", writes=self.dropped)
