"""The replies that OpenAI clients read: a stream of chunks, or one completion (PROTOCOL 6)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, assert_never

import trio
from attrs import define, field

from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.reply_events import Aside, DeviceAction, FollowUps, KeepAlive, ReplyEvent
from eyeclaw_trio.core.shares import Portion
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.errors import AnswerTooLong, TurnFailed
from eyeclaw_trio.protocol.openai_answer import (
    CompletionFraming,
    describe_failure,
    encode_error,
    status_of,
)
from eyeclaw_trio.protocol.sse import HEADERS, KEEP_ALIVE
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.response_writer import Headers

# Whoever tries again at once makes a busy bot busier (seconds).
_BUSY_FOR: Final = "5"
# What a piece costs beside its text, as in `relay/turn_log` (bytes).
_PIECE_COST: Final = 64


@define
class _CompletionReply:
    """What both have in common: whom they write to, and how a turn ends that has failed before
    its first byte. The id of the trace goes with every response."""

    connection: HttpConnection
    framing: CompletionFraming
    wording: Wording
    trace: Trace

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """`leave` is called when the reader has ended its connection."""
        return self.connection.reader.monitor_hangup(nursery, leave)

    async def open(self) -> None:
        """Nothing is shown before the first event: until then a failure has a status of its own.
        Cancellation changes nothing."""
        await trio.lowlevel.checkpoint()

    @property
    def _request_id(self) -> Headers:
        return (("X-Request-Id", self.trace.trace_id),)

    async def _refuse(self, failure: TurnFailed) -> None:
        status = status_of(failure)
        headers = [*self._request_id]
        if status == 429:
            headers.append(("Retry-After", _BUSY_FOR))
        if status in (502, 504):
            # The bot was asked and may have acted: clients must not ask it once more by themselves.
            headers.append(("X-Should-Retry", "false"))
        await self.connection.writer.respond_json(status, self._describe(failure), headers)

    def _describe(self, failure: TurnFailed) -> dict[str, object]:
        return describe_failure(failure, self.wording.chat_apology(failure))


@define
class StreamedCompletion(_CompletionReply):
    """Writes one answer as chunks; a `relay.turn.Reply`.

    The head goes out with the first event, a piece of text or a sign of life. All writes raise
    HungUp or SlowReader, and a cancelled one leaves the connection broken.
    """

    _is_open: bool = False
    _has_role: bool = False
    _first: bytes = b""

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Write these events as one write, or what of it the system takes now; the first waits
        for `drain`."""
        data = b"".join([self._frame(event) for event in events])
        if self._is_open:
            return self.connection.writer.write_nowait(data)
        self._first += data
        return not self._first

    async def drain(self) -> None:
        """Write the rest; cancelled as all writes."""
        writer = self.connection.writer
        if self._is_open:
            await writer.drain()
        else:
            first, self._first, self._is_open = self._first, b"", True
            await writer.start_stream((*HEADERS, *self._request_id), first)

    async def finish(self) -> None:
        """Write why it ends, the usage, `[DONE]`, and end the response; cancelled as all writes."""
        await self._end(self.framing.ending(self.trace.closing))

    async def apologise(self, failure: TurnFailed) -> None:
        """Say this failure, as a status before the first event and behind it in the stream, and
        end the response; cancelled as all writes."""
        if self._is_open:
            await self.connection.writer.end_stream(encode_error(self._describe(failure)))
        else:
            await self._refuse(failure)

    def _frame(self, event: ReplyEvent) -> bytes:
        match event:
            case str(text):
                if self._has_role:
                    return self.framing.text(text)
                self._has_role = True
                return self.framing.role() + self.framing.text(text)
            case Aside():
                return b""  # no part of the answer, which is all that a client asks for
            case KeepAlive():
                return KEEP_ALIVE
            case DeviceAction() | FollowUps():
                return b""  # no pair of glasses, and it asks for itself
            case _:
                assert_never(event)

    async def _end(self, ending: bytes) -> None:
        writer = self.connection.writer
        if self._is_open:
            await writer.end_stream(ending)
        else:
            await writer.start_stream((*HEADERS, *self._request_id), ending, ends=True)


@define
class WholeCompletion(_CompletionReply):
    """Keeps one answer and writes it as one object; a `relay.turn.Reply`.

    What is kept counts as written. Its writes raise HungUp or SlowReader, and a cancelled one
    leaves the connection broken.
    """

    room: Portion
    _texts: list[str] = field(factory=list)

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Keep the texts among these events. Raises AnswerTooLong at the first that does not fit.
        Never leaves a rest."""
        for event in events:
            match event:
                case str(text):
                    if not self.room.take(_PIECE_COST + sys.getsizeof(text)):
                        raise AnswerTooLong
                    self._texts.append(text)
                case Aside():
                    pass  # no part of the answer, which is all that a client asks for
                case KeepAlive():
                    pass  # a response in one piece has no room for a sign of life
                case DeviceAction() | FollowUps():
                    pass  # no pair of glasses, and it asks for itself
                case _:
                    assert_never(event)
        return True

    async def drain(self) -> None:
        """There is never a rest: never waits, so it is never cancelled."""

    async def finish(self) -> None:
        """Write the completion; cancelled as all writes."""
        said = self.framing.whole("".join(self._texts), self.trace.closing)
        await self.connection.writer.respond_json(200, said, self._request_id)

    async def apologise(self, failure: TurnFailed) -> None:
        """Say this failure as a status; cancelled as all writes."""
        await self._refuse(failure)
