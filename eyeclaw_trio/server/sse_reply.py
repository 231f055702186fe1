"""The reply that glasses read: server-sent events over one HTTP response (PROTOCOL 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, assert_never

import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.reply_events import Aside, DeviceAction, FollowUps, KeepAlive, ReplyEvent
from eyeclaw_trio.errors import BotFailed, TurnFailed
from eyeclaw_trio.protocol.sse import CONNECTED, HEADERS, KEEP_ALIVE, AnswerFraming
from eyeclaw_trio.wire.response_writer import Headers


class EventWriter(Protocol):
    """What writes the stream; as `wire.response_writer.ResponseWriter`, cancellation too."""

    async def start_stream(self, headers: Headers, data: bytes, *, ends: bool = False) -> None: ...

    def write_nowait(self, data: bytes) -> bool: ...

    async def drain(self) -> None: ...

    async def end_stream(self, data: bytes) -> None: ...


class HangupWatch(Protocol):
    """What notices that nobody listens; as `wire.request_reader.RequestReader`."""

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]: ...


class ReplyConnection(Protocol):
    """Who gets the answer: an HTTP connection, or what plays one."""

    @property
    def writer(self) -> EventWriter: ...

    @property
    def reader(self) -> HangupWatch: ...


@frozen
class StreamHabits:
    """What goes with an answer beside its text: `event: error` where a bot has reported one, and an
    empty message with the keep-alive comment, as long as no text has come."""

    has_error_event: bool = True
    has_keepalive_message: bool = True


@define(weakref_slot=False)  # there may be thousands
class SseReply:
    """Writes one answer; a `relay.turn.Reply`.

    Each batch of events is one write, with one SSE event per piece of text. All writes raise
    HungUp or SlowReader, and a cancelled one leaves the connection broken: it is never used again.
    The head and the first comment go out with the first write, whichever that is: an answer that
    fails at once is a single one. `on_action` hears of what the glasses are told to do.
    """

    connection: ReplyConnection
    framing: AnswerFraming
    wording: Wording
    habits: StreamHabits = field(factory=StreamHabits)
    on_action: Callable[[DeviceAction], None] = lambda _: None
    _is_open: bool = False

    async def open(self) -> None:
        """Send the head and the first comment now, where they were not yet; cancelled as all
        writes."""
        if self._is_open:
            await trio.lowlevel.checkpoint()
            return
        self._is_open = True
        await self.connection.writer.start_stream(HEADERS, CONNECTED)

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Write these events, in order, as one write, or what of it the system takes now."""
        framed = self.framing.text
        data = [
            framed(event) if event.__class__ is str else self._frame(event)  # nearly all are text
            for event in events
        ]
        return self.connection.writer.write_nowait(b"".join(data))

    async def drain(self) -> None:
        """Write the rest; cancelled as all writes."""
        await self.connection.writer.drain()

    async def finish(self) -> None:
        """Write the empty finishing message and `done`, and end the response; cancelled as all
        writes."""
        await self._end(self.framing.last_text("") + self.framing.done())

    async def apologise(self, failure: TurnFailed) -> None:
        """Write the text for this failure and `done`, and end the response; cancelled as all
        writes."""
        text = self.wording.apology(failure)
        ending = self.framing.last_text(text) + self.framing.done()
        if self.habits.has_error_event and isinstance(failure, BotFailed) and failure.reported:
            ending = self.framing.error(text) + ending
        await self._end(ending)

    async def say_last(self, text: str) -> None:
        """Write a text that ends the answer, and end the response; cancelled as all writes."""
        await self._end(self.framing.last_text(text) + self.framing.done())

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """`leave` is called when the reader has ended its connection."""
        return self.connection.reader.monitor_hangup(nursery, leave)

    def _frame(self, event: ReplyEvent) -> bytes:
        match event:
            case str(text):
                return self.framing.text(text)
            case Aside(text):
                return self.framing.text(text)
            case KeepAlive(is_early):
                if is_early and self.habits.has_keepalive_message:
                    return KEEP_ALIVE + self.framing.text("")
                return KEEP_ALIVE
            case DeviceAction(command, fields):
                self.on_action(event)
                return self.framing.tool_call(command, fields)
            case FollowUps(texts):
                return self.framing.follow_up(texts)
            case _:
                assert_never(event)

    async def _end(self, ending: bytes) -> None:
        if self._is_open:
            await self.connection.writer.end_stream(ending)
        else:
            await self.connection.writer.start_stream(HEADERS, CONNECTED + ending, ends=True)
