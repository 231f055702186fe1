"""What of a linked bot outlives its links: the runs, and what their answers still owe.

Nothing here knows of sockets. A link hands in what it hears, takes what there is to send, and
says when it is gone; answers go on in between.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import structlog
import trio
from attrs import field, frozen

from eyeclaw_trio.connector.delivery import DOUBT, Delivery
from eyeclaw_trio.connector.running import Runs, SendWindow
from eyeclaw_trio.errors import Reason
from eyeclaw_trio.photos.guard import PhotoGuard
from eyeclaw_trio.protocol.bot import StreamChunk, StreamError, StreamMessage, UnknownMessage
from eyeclaw_trio.protocol.to_bot import Cancel, ChunkReceived, ExecuteCommand, RunningTurns, ToBot
from eyeclaw_trio.providers.provider import Provider

log = structlog.get_logger(__name__)

# Answers that are kept after their ending until the doubt has passed, the newest of them.
KEPT: Final = 256


@frozen(eq=False)
class _Outgoing:
    delivery: Delivery
    window: SendWindow = field(init=False)

    @window.default
    def _open_window(self) -> SendWindow:
        return SendWindow(self.delivery.unacknowledged)


class LinkedBot:
    """The commands of one bot, over any number of links, one after another.

    Runs live in the nursery. Twice `max_concurrency` may run at once, because a gateway that was
    started anew does not know of those that still run; a command beyond that is answered as busy.

    Told to `leave`, it takes no new commands: a gateway sends them again to whoever comes next,
    because nothing was said of them. `left` is set when all that ran was said.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        provider: Provider,
        max_concurrency: int,
        photos: PhotoGuard | None = None,
    ) -> None:
        self.max_concurrency = max_concurrency
        self._runs = Runs(nursery, provider, provider.conversation, photos)
        self._open: dict[str, _Outgoing] = {}
        self._closed: dict[str, _Outgoing] = {}  # the oldest first; waiting for the doubt to pass
        self._news = trio.Event()
        self.left = trio.Event()
        self._is_leaving = False
        self._is_linked = False

    @property
    def running(self) -> int:
        """How many answers run now."""
        return len(self._runs)

    @property
    def has_said_all(self) -> bool:
        """Whether it is leaving, and nothing is left to be said."""
        return self._is_leaving and not self._open

    def leave(self) -> None:
        """Take no new commands; what runs may finish."""
        self._is_leaving = True
        self._look_whether_left()

    def give_up(self) -> None:
        """End what still runs, and say so of each."""
        for session_id, answer in self._open.items():
            if self._runs.is_running(session_id):
                self._runs.cancel(session_id)
                answer.delivery.say(_gone(session_id, "the connector was stopped"))
        self._look_whether_left()

    def hear(self, message: ToBot | UnknownMessage) -> None:
        """Take what the gateway has said."""
        match message:
            case ChunkReceived(session_id, sequence):
                self._acknowledge(session_id, sequence)
            case RunningTurns(session_ids):
                for session_id in session_ids:
                    if session_id not in self._open and session_id not in self._closed:
                        self._disown(session_id)
            case ExecuteCommand(metadata=metadata):
                # Sent again after a broken link: run once, whether it still runs or not.
                if self._runs.knows(metadata.session_id):
                    return
                if self._is_leaving:
                    log.info("connector.command_left", session_id=metadata.session_id)
                else:
                    self._start(message)
            case Cancel(session_id):
                self._runs.cancel(session_id)
                self._open.pop(session_id, None)
                self._closed.pop(session_id, None)
                self._look_whether_left()

    def link_lost(self) -> None:
        """Whatever was not acknowledged is to be sent again on the next link."""
        self._open = self._closed | self._open
        self._closed = {}
        for answer in self._open.values():
            answer.delivery.link_lost()
        self._is_linked = False
        self._look_whether_left()

    def take(self) -> list[StreamMessage]:
        """What to send now, in the order of each answer; it counts as sent."""
        self._news = trio.Event()
        self._is_linked = True
        now = trio.current_time()
        messages: list[StreamMessage] = []
        for session_id, answer in list(self._open.items()):
            messages += answer.delivery.take(now)
            if answer.delivery.closed_at is not None:
                self._closed[session_id] = self._open.pop(session_id)
        self._forget_closed(now)
        return messages

    async def wait(self) -> None:
        """Return when there may be something to `take`. Cancelled, it has lost nothing."""
        with trio.move_on_at(self._deadline()):
            await self._news.wait()

    def _deadline(self) -> float:
        due = [answer.delivery.deadline() for answer in self._open.values()]
        oldest = next(iter(self._closed.values()), None)
        if oldest is not None and oldest.delivery.closed_at is not None:
            due.append(oldest.delivery.closed_at + DOUBT)
        return min(due, default=math.inf)

    def _forget_closed(self, now: float) -> None:
        while self._closed:
            session_id, oldest = next(iter(self._closed.items()))
            if len(self._closed) <= KEPT and not oldest.delivery.is_over(now):
                break
            del self._closed[session_id]

    def _start(self, command: ExecuteCommand) -> None:
        session_id = command.session_id
        answer = self._open[session_id] = _Outgoing(Delivery(session_id))
        if len(self._runs) >= 2 * self.max_concurrency:
            log.warning("connector.too_many_commands", running=len(self._runs))
            self._runs.refuse(session_id)
            answer.delivery.say(
                StreamError(session_id, "too many commands at once", Reason.MODEL_BUSY.value)
            )
            self._news.set()
            return
        self._runs.start(command, partial(self._say, answer))

    def _acknowledge(self, session_id: str, sequence: int) -> None:
        answer = self._open.get(session_id) or self._closed.get(session_id)
        if answer is None:
            self._disown(session_id)
            return
        answer.delivery.acknowledge(sequence)
        answer.window.acknowledged()
        if not answer.delivery.unacknowledged:
            self._news.set()  # an ending may have waited for this

    def _disown(self, session_id: str) -> None:
        """A turn that this process does not know was answered by one that is gone: its wearer
        need not wait for the rest."""
        if self._runs.knows(session_id):
            return  # over, and forgotten but for its name
        self._runs.refuse(session_id)
        answer = self._open[session_id] = _Outgoing(Delivery(session_id))
        answer.delivery.say(_gone(session_id, "the process that answered it is gone"))
        self._news.set()

    def _look_whether_left(self) -> None:
        """Without a link nobody else sets `left`; with one, it has to be told first."""
        if self.has_said_all and not self._is_linked:
            self.left.set()
        self._news.set()

    async def _say(self, answer: _Outgoing, message: StreamMessage) -> None:
        # Cancelled, but already on its way here: nothing more of it may be said.
        await trio.lowlevel.checkpoint_if_cancelled()
        answer.delivery.say(message)
        self._news.set()
        if isinstance(message, StreamChunk):
            await answer.window.wait()


def _gone(session_id: str, why: str) -> StreamError:
    return StreamError(session_id, why, Reason.CUT_ANSWER.value)
