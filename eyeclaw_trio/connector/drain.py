"""How a connector ends: the first signal drains, the second stops at once (RELIABILITY 39)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import structlog
import trio
from attrs import define, field

from eyeclaw_trio.connector.linked import LinkedBot

log = structlog.get_logger(__name__)

# After the drain's end the last words get this long to be sent (seconds).
LAST_WORDS: Final = 2.0


@define(eq=False)
class Drain:
    """Lets running answers finish, for at most `timeout` seconds, and says what is given up.

    `cut_answers` is how many answers a second signal has cut off.
    """

    timeout: float
    cut_answers: int = 0
    _begun: trio.Event = field(factory=trio.Event, init=False)
    _bot: LinkedBot | None = field(default=None, init=False)

    async def obey(self, signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        """Take the first signal as the word to drain, the second as that to cancel `scope`.

        Cancelling this stops nothing and forgets what signals have said.
        """
        async for _ in signals:
            if self._begun.is_set():
                self.cut_answers = 0 if self._bot is None else self._bot.running
                scope.cancel()
                return
            self._begun.set()

    async def end_when_told(self, bot: LinkedBot, scope: trio.CancelScope) -> None:
        """Wait for the first signal, drain this bot, and cancel `scope`, its connections.

        Cancelled, it leaves the bot as it is: a bot that was told to leave takes no commands.
        """
        self._bot = bot
        await self._begun.wait()
        log.info("connector.draining", answers=bot.running)
        bot.leave()
        with trio.move_on_after(self.timeout):
            await bot.left.wait()
        if not bot.left.is_set():
            log.warning("connector.answers_given_up", answers=bot.running)
            bot.give_up()
            with trio.move_on_after(LAST_WORDS):
                await bot.left.wait()
        log.info("connector.stopped")
        scope.cancel()
