"""The thread that reads for pages: a slow list delays the next page, never a write or a question.

It has a connection of its own that cannot write. A reader waits for no writer, nor the other way
round (SQLite's write-ahead log). There is no trio in here: what goes back goes through jobs.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from contextlib import suppress
from typing import Final

import structlog
from attrs import define, field

from eyeclaw_trio.store.database import explain, roll_back, translated
from eyeclaw_trio.store.jobs import MOST_JOBS, Job

log = structlog.get_logger()

# Seconds that one piece of reading may take: the log cannot be cut while somebody reads from it,
# and others wait for their page.
READ_TIMEOUT: Final = 10.0
# Seconds at a time that this thread computes, and that it then leaves the core to the event loop:
# Python itself would let it compute for 5 ms before each thing that the loop does.
_STRETCH: Final = 0.002
_BREATH: Final = 0.0005
# Instructions of SQLite between two looks at the clock, some 50 µs; a row of a list takes 100.
_BETWEEN_LOOKS: Final = 2_000


@define(eq=False)
class Reader:
    """The thread, its queue and its connection, which it closes in the end.

    Whose job is withdrawn while it runs has it broken off: nobody waits behind a page that
    its reader has left.
    """

    _db: sqlite3.Connection
    _queue: queue.Queue[Job | None] = field(init=False)
    _job: Job | None = field(default=None, init=False)
    _is_stopping: bool = field(default=False, init=False)
    _deadline: float = field(default=0.0, init=False)
    _breathed_at: float = field(default=0.0, init=False)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._queue = queue.Queue(MOST_JOBS)
        self._thread = threading.Thread(target=self._live, name="eyeclaw-reader", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, job: Job) -> bool:
        """Queue a job, without waiting; false when too many wait or the thread stops."""
        if self._is_stopping:
            return False
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            return False
        return True

    def stop(self) -> None:
        """Begin to stop: what runs is broken off, what waits is refused."""
        self._is_stopping = True
        with suppress(queue.Full):  # then it is awake, and looks
            self._queue.put_nowait(None)

    def join(self, timeout: float) -> None:
        """Block until the thread has closed its connection, for `timeout` seconds at most."""
        self._thread.join(timeout)

    def _live(self) -> None:
        self._db.set_progress_handler(self._has_to_end, _BETWEEN_LOOKS)
        while not self._is_stopping:
            job = self._queue.get()
            if job is not None:
                self._answer(job)
        with suppress(queue.Empty):
            while True:
                job = self._queue.get_nowait()
                if job is not None:
                    job.refuse()
        try:
            self._db.close()
        except sqlite3.Error as error:
            log.warning("store.not_closed", error=explain(error))

    def _answer(self, job: Job) -> None:
        self._job = job
        self._breathed_at = time.monotonic()
        self._deadline = self._breathed_at + READ_TIMEOUT
        failure: Exception | None = None
        if not job.is_withdrawn:
            try:
                with translated():
                    job.result = job.work(self._db)
            except Exception as error:
                failure = error
            roll_back(self._db)  # a moment of the past that is kept would keep the log growing
        if self._is_stopping and failure is not None:
            job.refuse()
        job.finish(failure)

    def _has_to_end(self) -> bool:
        """What SQLite asks every few instructions: true breaks the statement off."""
        now = time.monotonic()
        if self._is_stopping or now >= self._deadline:
            return True
        if self._job is not None and self._job.is_withdrawn:
            return True
        if now - self._breathed_at >= _STRETCH:
            time.sleep(_BREATH)
            self._breathed_at = time.monotonic()
        return False
