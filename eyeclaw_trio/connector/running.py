"""The commands that a bot is answering: each is run once, in a cancel scope of its own."""

from __future__ import annotations

from collections import deque
from typing import Final, NoReturn

import structlog
import trio

from eyeclaw_trio.connector.answering import answer_command
from eyeclaw_trio.connector.delivery import Unacknowledged
from eyeclaw_trio.connector.telling import Say
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.errors import BotFailed, Reason
from eyeclaw_trio.photos.guard import PhotoGuard
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.providers.provider import Provider

log = structlog.get_logger(__name__)

# Turns that are remembered after their end, so that a command sent again is not run again. It is
# sent again when a link comes back, so only the last few of it matter.
REMEMBERED: Final = 1_000
# Seconds that a full window may stay full. By then a gateway that still knows the turn has ended
# it (its `idle_timeout` and `resume_grace` are shorter); this is for one that never acknowledges.
ROOM_WITHIN: Final = 120.0

# Seconds between two uses of an idle connection: providers and proxies on the way close what has
# been idle for two minutes or so, and our own pool does after 110 s.
WARM_EVERY: Final = 90.0


class Runs:
    """What runs now, and what has run. The nursery is the bot's, not a link's.

    `conversation` says what shares one context of the model's: "shared" where the gateway has named
    it as it is to be. `photos` takes in those that the gateway could not.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        provider: Provider,
        conversation: Conversation,
        photos: PhotoGuard | None = None,
    ) -> None:
        self._nursery = nursery
        self._conversation: Conversation = conversation
        self._provider = provider
        self._photos = photos
        self._scopes: dict[str, trio.CancelScope] = {}
        self._over: deque[str] = deque()
        self._known: set[str] = set()

    def __len__(self) -> int:
        return len(self._scopes)

    def knows(self, session_id: str) -> bool:
        """Whether this turn runs or has run: its command is not to be run again."""
        return session_id in self._known

    def is_running(self, session_id: str) -> bool:
        """Whether this turn is being answered now."""
        return session_id in self._scopes

    def start(self, command: ExecuteCommand, say: Say) -> None:
        """Answer the command in the background; `say` gets the messages, until it is cancelled."""
        session_id = command.session_id
        self._known.add(session_id)
        self._scopes[session_id] = scope = trio.CancelScope()
        self._nursery.start_soon(self._run, command, say, scope, name=f"answer {session_id}")

    def refuse(self, session_id: str) -> None:
        """Remember the turn of a command that is not run at all."""
        self._known.add(session_id)
        self._forget_oldest(session_id)

    def cancel(self, session_id: str) -> None:
        """Stop the run of this turn, if there is one."""
        scope = self._scopes.get(session_id)
        if scope is not None:
            scope.cancel()

    async def _run(self, command: ExecuteCommand, say: Say, scope: trio.CancelScope) -> None:
        try:
            with scope:
                await answer_command(command, self._provider, say, self._conversation, self._photos)
        except Exception:
            # Not even a failure to say that it failed may end the other answers.
            log.exception("answer.crashed", session_id=command.session_id)
        finally:
            del self._scopes[command.session_id]
            self._forget_oldest(command.session_id)

    def _forget_oldest(self, session_id: str) -> None:
        self._over.append(session_id)
        if len(self._over) > REMEMBERED:
            self._known.discard(self._over.popleft())


class SendWindow:
    """Makes an answer wait while too much of it is unacknowledged."""

    def __init__(self, unacknowledged: Unacknowledged) -> None:
        self.unacknowledged = unacknowledged
        self._waiting = trio.lowlevel.ParkingLot()

    async def wait(self) -> None:
        """Return when there is room, after a checkpoint in any case: others may run between two
        chunks. Raises BotFailed when nothing has been acknowledged for ROOM_WITHIN.
        Cancelled, it leaves the window as it is."""
        await trio.lowlevel.checkpoint()
        while not self.unacknowledged.has_room:
            with trio.move_on_after(ROOM_WITHIN) as patience:
                await self._waiting.park()
            if patience.cancelled_caught:
                raise BotFailed(Reason.CUT_ANSWER, "the answer was not taken")

    def acknowledged(self) -> None:
        """Something was acknowledged: look again whether there is room."""
        self._waiting.unpark_all()


async def keep_warm(provider: Provider) -> NoReturn:
    """Make the first question fast and the later ones too, in the background, until cancelled.

    A failure costs nothing but that speed.
    """
    wait = provider.warm_up
    while True:
        try:
            await wait()
        except Exception:
            log.exception("provider.warm_up_failed", provider=provider.name)
        wait = provider.keep_warm
        await trio.sleep(WARM_EVERY)
