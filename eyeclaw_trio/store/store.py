"""The running gateway's store: a snapshot to read, writes that nobody waits for.

No question waits for SQLite (DESIGN, "What requests read"; RELIABILITY 8, 9): what it reads is in
memory, what it writes goes into the bounded queue of the one writer thread. Pages read on a thread
of their own.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog
import trio
from attrs import define

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.errors import StoreBusy
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database, open_to_read, transaction
from eyeclaw_trio.store.jobs import Job
from eyeclaw_trio.store.keys import note_use
from eyeclaw_trio.store.provider_answers import write_provider_answer
from eyeclaw_trio.store.reader import Reader
from eyeclaw_trio.store.retention import (
    STEP_EVERY,
    Retention,
    TraceClock,
    TraceSettings,
    start_clock,
)
from eyeclaw_trio.store.session_notes import SessionNotes
from eyeclaw_trio.store.sessions import close_left_sessions
from eyeclaw_trio.store.snapshot import Lookout, load_directory, read_data_version
from eyeclaw_trio.store.traces import as_begun, close_left_traces, write_trace
from eyeclaw_trio.store.write_queue import Write
from eyeclaw_trio.store.writer import LAST_WRITES, Chore, Writer

log = structlog.get_logger()

T = TypeVar("T")

# Writes waiting at once. At 1 kB each a megabyte, and seconds of the busiest gateway.
CAPACITY: Final = 1000
# "Last used" is for people to read: seconds between two writes of one key's.
KEY_USE_EVERY: Final = 60.0

OnChange = Callable[[Directory], None]


@define(eq=False)
class _Opened:
    """What `_open` found: the connections, the first snapshot with its version, the trace clock.

    `steady_now` is what the wall clock said at that moment, and goes on by the monotonic one."""

    db: sqlite3.Connection
    to_read: sqlite3.Connection
    directory: Directory
    seen: int
    clock: TraceClock
    steady_now: Callable[[], datetime]


class Store:
    """What `open_store` yields. It belongs to the trio thread; only `run` and `read` wait."""

    def __init__(
        self,
        opened: _Opened,
        *,
        on_change: OnChange | None,
        now: Callable[[], datetime],
        capacity: int,
        traces: TraceSettings,
        tidy_every: float,
    ) -> None:
        self._directory = opened.directory
        self._on_change = on_change
        self._now = now
        self._token = trio.lowlevel.current_trio_token()
        self._clock = opened.clock
        self._running_turns: dict[str, datetime] = {}
        # The list of a dict's keys is made in one go, whatever this thread does to it meanwhile.
        retention = Retention(traces, opened.clock, now, lambda: list(self._running_turns))
        self._writer = Writer(
            opened.db,
            capacity,
            Lookout(
                partial(self._post, self._accept), opened.steady_now, opened.directory, opened.seen
            ),
            Chore(retention.step, tidy_every),
        )
        self._reader = Reader(opened.to_read)
        self._is_closed = False
        self._refused = 0
        self._keys_used: dict[int, float] = {}
        self.sessions = SessionNotes(self.write_nowait, now)

    @property
    def directory(self) -> Directory:
        """The present snapshot. What another process changed is in it within a second."""
        return self._directory

    @property
    def running_time(self) -> float:
        """Seconds that gateways have lived on this folder: it never goes back and never jumps."""
        return self._clock.read()

    @property
    def dropped(self) -> int:
        """Writes that were given up so far: the queue was full, or the disk."""
        return self._refused + self._writer.dropped

    @property
    def is_degraded(self) -> bool:
        """Whether SQLite refused the last write or look; false again after the next success."""
        return self._writer.is_failing

    def write_nowait(self, write: Write) -> bool:
        """Have `write(db)` done on the writer thread, without waiting for it.

        It runs within a transaction that it shares with others, and again in another one where
        the database was locked. Returns false where the queue is full: then it is counted as
        dropped.
        """
        if self._writer.put(write):
            return True
        self._refused += 1
        return False

    def key_used(self, key_id: int) -> None:
        """Note that a key was used just now; written at most once a minute for each."""
        now = trio.current_time()
        written_at = self._keys_used.get(key_id)
        if written_at is not None and now - written_at < KEY_USE_EVERY:
            return
        stamp = to_stamp(self._now())
        if self.write_nowait(partial(note_use, key_id=key_id, stamp=stamp)):
            self._keys_used[key_id] = now

    def trace_began(self, trace: Trace) -> None:
        """Note that this turn runs: it is written as active. `trace_ended` must follow."""
        created_at = self._wall_clock_at(trace.started_at)
        self._running_turns[trace.trace_id] = created_at
        self._write_trace(as_begun(trace), created_at)

    def trace_ended(self, trace: Trace) -> None:
        """Note that this turn is over; nobody may change the trace any more.

        What it means is derived on the writer thread. A turn that was refused before it began
        needs no `trace_began`.
        """
        created_at = self._running_turns.pop(trace.trace_id, None)
        self._write_trace(trace, created_at or self._wall_clock_at(trace.started_at))

    def provider_answered(self, answer: ProviderAnswer) -> None:
        """Note what a provider took for an answer, or that it failed, just now."""
        stamp = to_stamp(self._now())
        self.write_nowait(partial(write_provider_answer, answer=answer, ended_at=stamp))

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work(db)` on the writer thread, and return what it returns.

        It sees every write that was queued before it, and makes its own transactions; what it
        changes in keys and bots is in `directory` when this returns. Raises what `work` raises,
        StoreError for SQLite's errors, StoreBusy where the database is locked for 5 s, too many
        jobs wait or the store has been closed.

        Cancelled before its work has begun, it is not done at all; after that it is done to the
        end, but nobody hears of it.
        """
        return await self._ask(self._writer.put, work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work(db)`, which cannot write, on the reader thread, and return what it returns.

        For pages: nothing is delayed by it but other reading. It sees what has been committed,
        which a write is some 0.1 s after it was queued; also while another process has locked
        the database. Raises what `work` raises, StoreError for SQLite's errors and for what takes
        longer than READ_TIMEOUT, StoreBusy where too many jobs wait or the store has been
        closed.

        Cancelled, it is not done, or broken off within moments.
        """
        return await self._ask(self._reader.put, work)

    async def _ask(self, put: Callable[[Job], bool], work: Callable[[sqlite3.Connection], T]) -> T:
        await trio.lowlevel.checkpoint_if_cancelled()
        answered = trio.Event()
        job = Job(work, partial(self._post, answered.set))
        if not put(job):
            raise StoreBusy("the database is busy or being closed; try again")
        try:
            await answered.wait()
        finally:
            job.is_withdrawn = True
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def _start(self) -> None:
        self._writer.start()
        self._reader.start()

    async def _close(self) -> None:
        """Write what is queued, within LAST_WRITES, and end the threads; also when cancelled."""
        self.sessions.close_all()
        self._reader.stop()
        self._writer.stop()
        # The threads' own deadline, in real seconds and not in the clock of trio, which is
        # virtual in tests. One that hangs in the file system is left to die with the process.
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._join)
        self._is_closed = True

    def _join(self) -> None:
        """Block until both have closed their connections, for as long as their last work takes."""
        self._writer.join(LAST_WRITES + 1.0)
        self._reader.join(0.5)

    def _write_trace(self, trace: Trace, created_at: datetime) -> None:
        reading = self._clock.read()
        self.write_nowait(
            partial(write_trace, trace=trace, created_at=created_at, kept_since=reading)
        )

    def _wall_clock_at(self, moment: float) -> datetime:
        """The wall clock at a moment of trio's clock just past, in whole milliseconds."""
        stamp = self._now() - timedelta(seconds=trio.current_time() - moment)
        return stamp.replace(microsecond=stamp.microsecond // 1000 * 1000)

    def _post(self, call: Callable[..., None], *args: Directory) -> None:
        """From the writer thread: have this called on the trio thread, in order."""
        # Refused to a thread that was left behind: then nobody is there to hear it.
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(call, *args)

    def _accept(self, directory: Directory) -> None:
        if self._is_closed or directory == self._directory:
            return
        self._directory = directory
        known = {key.id for key in directory.keys}
        self._keys_used = {id_: at for id_, at in self._keys_used.items() if id_ in known}
        if self._on_change is None:
            return
        try:
            self._on_change(directory)
        except Exception:
            # It runs between trio's tasks, where an exception would end the whole process.
            log.exception("store.on_change_failed")


@asynccontextmanager
async def open_store(
    folder: Path,
    *,
    on_change: OnChange | None = None,
    now: Callable[[], datetime] = read_clock,
    capacity: int = CAPACITY,
    traces: TraceSettings | None = None,
    tidy_every: float = STEP_EVERY,
) -> AsyncIterator[Store]:
    """Open the store of a running gateway; it must hold the folder (`hold_folder`).

    Sessions and turns that a gateway left open when it died are closed (RELIABILITY 7).
    `on_change` is called on the trio thread with each new directory, within a second of the
    change; it must not wait. `now` is the wall clock, for stamps only. `capacity` is how many
    writes may wait. `traces` says how long traces are kept; what is older or more is taken away
    every `tidy_every` seconds.

    Leaving it closes the sessions that are open, writes what is queued for at most 2 s, and
    closes the database, when cancelled too. Cancelled while it opens, it opens to the end and
    closes again. Raises StoreError where the folder cannot be used.
    """
    opened = await trio.to_thread.run_sync(_open, folder, now)
    store = Store(
        opened,
        on_change=on_change,
        now=now,
        capacity=capacity,
        traces=traces or TraceSettings(),
        tidy_every=tidy_every,
    )
    store._start()
    try:
        yield store
    finally:
        await store._close()


def _open(folder: Path, now: Callable[[], datetime]) -> _Opened:
    db = open_database(folder, check_same_thread=False)
    try:
        close_left_sessions(db)
        with transaction(db):
            close_left_traces(db)
        opened_at, began = now(), time.monotonic()
        clock = start_clock(db, opened_at)
        # In this order: a change between the two is loaded again, and none is missed.
        seen = read_data_version(db)
        directory = load_directory(db, opened_at)
        return _Opened(
            db,
            open_to_read(folder),
            directory,
            seen,
            clock,
            lambda: opened_at + timedelta(seconds=time.monotonic() - began),
        )
    except BaseException:
        db.close()
        raise
