"""What lives beside the connections: turns without a reader, and what is said outside a turn."""

from __future__ import annotations

import trio
from attrs import frozen

from eyeclaw_trio.server.late import LateTurns
from eyeclaw_trio.server.pushes import Pushes
from eyeclaw_trio.server.worker import TriggerDoor


@frozen
class Background:
    """Each owns the tasks of its own."""

    trigger: TriggerDoor
    pushes: Pushes
    late: LateTurns

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own them all until cancelled, which cuts off what is under way; started when they are."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.trigger.run)
            await nursery.start(self.pushes.run)
            await nursery.start(self.late.run)
            task_status.started()
