"""How the gateway ends: the first signal drains, the second stops at once (RELIABILITY 6)."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog
import trio
from attrs import define

from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.relay.turn_log import TurnLogs
from eyeclaw_trio.server.cable_socket import say_disconnect
from eyeclaw_trio.server.roster import Roster

log = structlog.get_logger(__name__)

# After the drain's end the last apologies get this long to be written (seconds).
LAST_WORDS: Final = 2.0
# Goodbyes to bots are spread over at most this long, so that they do not all come back in the
# same instant (seconds); few bots are told at once.
GOODBYE_SPREAD: Final = 2.0
GOODBYES_A_SECOND: Final = 500.0


@define(eq=False)
class Shutdown:
    """Lets running answers finish, says goodbye, and ends what is left.

    `is_draining` says that no new turn may begin, and `on_draining` is called when that is so;
    `is_hurried` says that a second signal has come, and `cut_answers` how many answers it has cut
    off.
    """

    drain_timeout: float
    switchboard: Switchboard
    roster: Roster
    turn_logs: TurnLogs
    on_draining: Callable[[], None] = lambda: None
    is_draining: bool = False
    is_hurried: bool = False
    cut_answers: int = 0

    async def stop_on(self, signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        """Obey these signals; `scope` is that of all connections, cancelled when it is over.

        Cancelling this stops nothing and forgets what signals have said.
        """
        async with trio.open_nursery() as nursery:
            async for _ in signals:
                if self.is_draining:
                    self.is_hurried = True
                    self.cut_answers = self.roster.answers.count
                    scope.cancel()
                    return
                self.is_draining = True
                self.on_draining()
                for chat in self.roster.chats:
                    chat.leave_for_restart()
                log.info("gateway.draining", answers=self.roster.answers.count)
                nursery.start_soon(self._drain, scope)

    async def _drain(self, scope: trio.CancelScope) -> None:
        """Let running answers finish, then say goodbye to the bots, then end all connections."""
        # Whoever was let in just now begins in this very pass of the loop, perhaps behind us.
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(self.drain_timeout):
            await self._wait_for_answers()
        if self.roster.answers.count:
            self.switchboard.end_turns()
            for preparation in self.roster.answers.preparing:
                preparation.cancel()
            with trio.move_on_after(LAST_WORDS):
                await self._wait_for_answers()
        await self._say_goodbye()
        log.info("gateway.stopped")
        scope.cancel()

    async def _wait_for_answers(self) -> None:
        await self.roster.answers.wait_for_none()
        await self.turn_logs.wait_until_read()

    async def _say_goodbye(self) -> None:
        links = list(self.roster.links)
        random.shuffle(links)
        pause = min(1 / GOODBYES_A_SECOND, GOODBYE_SPREAD / max(len(links), 1))
        for link in links:
            say_disconnect(link.socket, "server_restart", reconnect=True)
            if len(links) > 1:
                await trio.sleep(pause)
        for worker in self.roster.workers:
            worker.disconnect_for_restart()
        with trio.move_on_after(LAST_WORDS):
            await self.roster.links.wait_for_none()
            await self.roster.chats.wait_for_none()
            await self.roster.workers.wait_for_none()
