"""Lets tasks go on in turns, some in each pass of the loop, without a task of its own.

Of those who go on together one has the baton, and says who goes on next when its turn to run
comes, which is a pass later. Where nobody waits nothing runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from attrs import define

Task = trio.lowlevel.Task


@define(eq=False)
class Baton:
    """Who goes on when. `choose` takes those who go on in the pass that comes out of wherever they
    wait; it is asked once in each pass, and the baton is at rest as soon as it finds nobody."""

    _choose: Callable[[], Sequence[Task]]
    _holder: Task | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody waits."""
        return self._holder is None

    async def wait(self, enter: Callable[[Task], None], leave: Callable[[Task], None]) -> None:
        """Give way for a pass; where others do so already, `enter` the line that is chosen from,
        and wait. Cancelled there, `leave` is called; the others go on as they would have."""
        task = trio.lowlevel.current_task()
        if self._holder is None:
            self._holder = task
            try:
                await trio.lowlevel.checkpoint()
            finally:
                self._pass_on()
            return

        def abort(_: object) -> trio.lowlevel.Abort:
            leave(task)
            return trio.lowlevel.Abort.SUCCEEDED

        enter(task)
        await trio.lowlevel.wait_task_rescheduled(abort)
        if self._holder is task:
            self._pass_on()

    def _pass_on(self) -> None:
        """There has been a pass of the loop: the next ones go on in the one that comes."""
        chosen = self._choose()
        self._holder = chosen[0] if chosen else None
        for task in chosen:
            trio.lowlevel.reschedule(task)
