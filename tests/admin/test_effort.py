"""What a piece of work takes of the loop, its waits left out."""

from __future__ import annotations

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from eyeclaw_trio.admin.effort import metered


@define(eq=False)
class Worker:
    """Works for a second before each of its waits, which take ten."""

    worked: float = 0.0
    noted: list[float] = field(factory=list)
    cleaned_up: bool = False

    async def work(self, waits: int, error: Exception | None = None) -> str:
        try:
            for _ in range(waits):
                self.worked += 1
                with trio.move_on_after(10):
                    await trio.sleep_forever()
            self.worked += 1
            if error is not None:
                raise error
            return "done"
        finally:
            self.cleaned_up = True

    async def metered(self, waits: int, error: Exception | None = None) -> str:
        return await metered(self.work(waits, error), lambda: self.worked, self.noted.append)


async def test_waits_do_not_count_and_the_result_is_handed_on(autojump_clock: MockClock) -> None:
    worker = Worker()
    assert await worker.metered(3) == "done"
    assert (trio.current_time(), worker.noted) == (30, [4])


async def test_what_fails_has_worked_too(autojump_clock: MockClock) -> None:
    worker = Worker()
    with pytest.raises(KeyError):
        await worker.metered(1, KeyError("no"))
    assert worker.noted == [2]


async def test_it_is_cancelled_as_the_work_is_and_cleans_up(autojump_clock: MockClock) -> None:
    worker = Worker()
    with trio.move_on_after(15) as scope:
        await worker.metered(5)
    assert scope.cancelled_caught
    assert worker.cleaned_up
    assert (trio.current_time(), worker.noted) == (15, [2])
