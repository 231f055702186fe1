"""A gateway with every door for questions, over memory streams, and a bot that answers one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio
import trio.testing
from attrs import define, field
from bot_fakes import FakeBot, summary_of
from push_fakes import FakePlatform
from worker_fakes import WorkerGateway

from eyeclaw_trio.app.shutdown import Shutdown
from eyeclaw_trio.core.manners import BotManners, Manners
from eyeclaw_trio.core.routing import ChatChoice
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd
from eyeclaw_trio.server.chat import PATH, ChatDoor, chat_kind
from eyeclaw_trio.server.completions import PATH as COMPLETIONS
from eyeclaw_trio.server.completions import CompletionDoor
from eyeclaw_trio.server.glasses import GlassesDoor
from eyeclaw_trio.server.late import LateTurns
from eyeclaw_trio.server.roster import Roster

PIECES: Final = ("湖光", "秋月", "两相和")
ANSWER: Final = "".join(PIECES)
LATE: Final = "/late"


@define(eq=False)
class AllDoors(WorkerGateway):
    """A gateway with every door for questions, whose bot 1 may also be late (at `/late`).

    `takes` is the seconds that the bot thinks.
    """

    takes: float = 0.0

    roster: Roster = field(init=False)
    shutdown: Shutdown = field(init=False)
    late: LateTurns = field(init=False)
    completions: CompletionDoor = field(init=False)
    is_at_work: bool = False
    """Whether the bot has been asked."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        wearer = WearerSettings(filler_after=1.0)
        self.reception.occasions.manners = Manners(BotManners(needs_history=True, wearer=wearer))
        kind = chat_kind(self.services, self.limits, self.patience, has_shortcut=True)
        chat = ChatDoor(self.reception, self.origins, ChatChoice(), kind)
        self.late = LateTurns(FakePlatform(), self.reception, frozenset({"home"}))
        self.completions = CompletionDoor(self.reception)
        self.open_doors(
            {
                PATH: {"GET": chat.serve},
                LATE: {"POST": GlassesDoor(self.reception, late=self.late).answer},
                COMPLETIONS: {"POST": self.completions.answer},
            }
        )
        self.roster = Roster(self.answers, self.links, chat.chats, self.workers)
        self.shutdown = Shutdown(
            60.0, self.switchboard, self.roster, self.turns, on_draining=self._drain
        )

    def _drain(self) -> None:
        self.is_draining = True

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """All that serves questions runs inside, and the bot is linked."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.run_services)
            await nursery.start(self.trigger.run)
            await nursery.start(self.late.run)
            nursery.start_soon(self.play_bot)
            await trio.testing.wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()

    async def play_bot(self) -> None:
        bot = FakeBot(self.switchboard.station(1), can_cancel=True)
        with bot.station.attached(bot):
            turn = (await bot.wait_for_commands())[0].session_id
            self.is_at_work = True
            await trio.sleep(self.takes)
            for number, text in enumerate(PIECES):
                bot.say(StreamChunk(turn, text, number))
                await trio.testing.wait_all_tasks_blocked()
            bot.say(StreamEnd(turn))
            await trio.testing.wait_all_tasks_blocked()
            bot.say(summary_of(turn, *PIECES))
            await trio.sleep_forever()
