"""The flusher: each outbox that is due is written once, whoever else has a bug."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import structlog
import trio
import trio.testing
from attrs import define, field

from eyeclaw_trio.wire.flusher import AT_A_TIME, Flusher


@define(eq=False)
class Outbox:
    """A socket to the flusher; it writes its name down."""

    name: int
    written: list[int]
    on_write: Callable[[], None] = field(default=lambda: None)
    is_aborted: bool = False

    def write_nowait(self) -> None:
        self.written.append(self.name)
        self.on_write()

    def abort(self) -> None:
        self.is_aborted = True


@asynccontextmanager
async def running(flusher: Flusher) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        yield
        nursery.cancel_scope.cancel()


async def test_all_that_is_due_is_written_once_and_in_order() -> None:
    written: list[int] = []
    flusher = Flusher()
    async with running(flusher):
        for name in (1, 2, 3):
            flusher.enqueue(Outbox(name, written))
        assert written == []  # noting it never writes
        await trio.testing.wait_all_tasks_blocked()
        assert written == [1, 2, 3]
        flusher.enqueue(Outbox(4, written))
        await trio.testing.wait_all_tasks_blocked()
    assert written == [1, 2, 3, 4]


async def test_what_was_noted_before_it_runs_is_written_when_it_does() -> None:
    written: list[int] = []
    flusher = Flusher()
    flusher.enqueue(Outbox(1, written))
    async with running(flusher):
        await trio.testing.wait_all_tasks_blocked()
    assert written == [1]


async def test_what_is_noted_while_it_writes_is_not_forgotten() -> None:
    written: list[int] = []
    flusher = Flusher()
    behind = Outbox(2, written)
    async with running(flusher):
        flusher.enqueue(Outbox(1, written, lambda: flusher.enqueue(behind)))
        flusher.enqueue(Outbox(3, written))
        await trio.testing.wait_all_tasks_blocked()
    assert written == [1, 3, 2]


async def test_a_bug_in_one_socket_ends_that_one_only() -> None:
    written: list[int] = []
    flusher = Flusher()

    def fail() -> None:
        raise RuntimeError("a bug")

    bad, good = Outbox(1, written, fail), Outbox(2, written)
    with structlog.testing.capture_logs() as logs:
        async with running(flusher):
            flusher.enqueue(bad)
            flusher.enqueue(good)
            await trio.testing.wait_all_tasks_blocked()
            flusher.enqueue(good)
            await trio.testing.wait_all_tasks_blocked()
    assert written == [1, 2, 2]
    assert (bad.is_aborted, good.is_aborted) == (True, False)
    assert [each["event"] for each in logs] == ["socket.bug"]


async def test_others_have_a_turn_between_many_sockets() -> None:
    written: list[int] = []
    seen: list[int] = []
    flusher = Flusher()

    async def look() -> None:
        while len(written) < 3 * AT_A_TIME:
            seen.append(len(written))
            await trio.lowlevel.checkpoint()

    async with running(flusher), trio.open_nursery() as nursery:
        await trio.testing.wait_all_tasks_blocked()
        for name in range(3 * AT_A_TIME):
            flusher.enqueue(Outbox(name, written))
        nursery.start_soon(look)
    # Which of two tasks comes first is for trio to say: at most two lots lie between two looks.
    assert max(b - a for a, b in pairwise(seen)) <= 2 * AT_A_TIME
    assert any(0 < count < 3 * AT_A_TIME for count in seen)
    assert written == list(range(3 * AT_A_TIME))
