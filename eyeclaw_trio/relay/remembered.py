"""A reply whose text is remembered beside being written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import trio
from attrs import define

from eyeclaw_trio.core.conversation import OpenExchange
from eyeclaw_trio.core.reply_events import DeviceAction, ReplyEvent
from eyeclaw_trio.errors import TurnFailed
from eyeclaw_trio.relay.turn import Reply


@define(eq=False)
class RememberedReply:
    """A `relay.turn.Reply` that writes into another one, and notes in `exchange` what its reader
    has got of the answer: what was written, and no apology. It raises, and is cancelled, as the
    other one is."""

    reply: Reply
    exchange: OpenExchange
    _unwritten: Sequence[ReplyEvent] = ()

    async def open(self) -> None:
        """See `Reply.open`; cancelled as that."""
        await self.reply.open()

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """See `Reply.send_nowait`."""
        is_written = self.reply.send_nowait(events)
        if is_written:
            self._note(events)
        else:
            self._unwritten = events
        return is_written

    async def drain(self) -> None:
        """See `Reply.drain`. Cancelled, what was on its way is not noted."""
        events, self._unwritten = self._unwritten, ()
        await self.reply.drain()
        self._note(events)

    async def finish(self) -> None:
        """See `Reply.finish`; cancelled as that."""
        await self.reply.finish()

    async def apologise(self, failure: TurnFailed) -> None:
        """See `Reply.apologise`; cancelled as that."""
        await self.reply.apologise(failure)

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """See `Reply.monitor_hangup`."""
        return self.reply.monitor_hangup(nursery, leave)

    def _note(self, events: Sequence[ReplyEvent]) -> None:
        for event in events:
            if event.__class__ is str:
                self.exchange.add(event)
            elif isinstance(event, DeviceAction):
                self.exchange.has_acted = True
