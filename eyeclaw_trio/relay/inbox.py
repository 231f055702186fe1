"""A turn's channel: what comes for it waits here, in order, bounded in bytes, taken as batches."""

from __future__ import annotations

from typing import Final

import trio
from attrs import define

from eyeclaw_trio.core.quota import Quota
from eyeclaw_trio.core.turn_messages import DrainOver, PlaceGranted, Revoked, TurnMessage
from eyeclaw_trio.protocol.bot import (
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamFollowUp,
    StreamStatus,
    StreamSummary,
    StreamToolCall,
)
from eyeclaw_trio.protocol.decoding import encode

# What a message costs in memory beside its text, in bytes: the object, its fields, its place in
# the channel. It keeps a flood of empty chunks within the limit too.
_MESSAGE_COST: Final = 200

_COSTLY: Final = (StreamEnd, StreamSummary, StreamError, PlaceGranted, Revoked, DrainOver)


@define
class Unread:
    """How many inboxes have something that their turns have not looked at yet."""

    inboxes: int = 0


class Inbox:
    """One turn's channel. Putting in never waits.

    What `quota` allows waits; a message more means that the reader takes less than the bot gives:
    it is refused, and cancels `overflow`. `unread` counts this one while it holds something.
    """

    __slots__ = (  # there may be thousands
        "_batch",
        "_first_at",
        "_has_summary",
        "_inlet",
        "_outlet",
        "_overflow",
        "_quota",
        "_refused",
        "_unread",
        "notices",
        "waiting_since",
    )

    def __init__(self, quota: Quota, overflow: trio.CancelScope, unread: Unread) -> None:
        self.waiting_since = 0.0
        """When the first of the messages last received had come (monotonic seconds)."""
        self.notices = 0
        """How many messages have been put in that begin or end an answer, which costs much."""
        self._overflow = overflow
        self._unread = unread
        self._quota = quota
        self._first_at = 0.0
        self._has_summary = False
        self._refused: list[int] | None = None  # once it has overflowed
        # What comes while the turn is busy is one item: a batch, which grows until it is taken. It
        # is bounded in bytes, here and not in trio.
        self._batch: list[TurnMessage] | None = None
        self._inlet: trio.MemorySendChannel[list[TurnMessage]]
        self._outlet: trio.MemoryReceiveChannel[list[TurnMessage]]
        self._inlet, self._outlet = trio.open_memory_channel(1)

    @property
    def overflowed(self) -> bool:
        """Whether it has refused a message, as all that follow it."""
        return self._refused is not None

    def send_nowait(self, message: TurnMessage, at: float) -> None:
        """Put in a message that has come at that moment (monotonic seconds)."""
        if self._refused is not None:
            self._refused += _sequences_of(message)
            return
        quota, cost = self._quota, _MESSAGE_COST
        if message.__class__ is StreamChunk:
            cost += len(message.content.encode())
        else:
            self.notices += message.__class__ in _COSTLY
            cost += self._text_cost(message)
        if quota.waiting + cost > quota.within and not quota.widen(
            cost, is_first=self._batch is None
        ):
            self._refused = _sequences_of(message)
            self._overflow.cancel()
            return
        if self._batch is None:
            self._first_at = at
            self._unread.inboxes += 1
            self._batch = [message]
            self._inlet.send_nowait(self._batch)
        else:
            self._batch.append(message)
        quota.waiting += cost

    async def receive(self) -> list[TurnMessage]:
        """Wait for at least one message and take all that are there, in order.

        Cancellation loses none: what was not returned stays in the channel.
        """
        # What is there already comes first, without a look at the clock: a write may have taken
        # longer than the deadline of this wait, and the bot must not be blamed for it.
        if self._batch is not None:
            return self.receive_nowait()
        messages = await self._outlet.receive()
        self._note_taken()
        return messages

    def receive_nowait(self) -> list[TurnMessage]:
        """Take all messages that are there, in order, without waiting."""
        try:
            messages = self._outlet.receive_nowait()
        except trio.WouldBlock:
            return []
        self._note_taken()
        return messages

    def close(self) -> list[int]:
        """Release the channel; returns the chunks that had come and were never looked at."""
        unread = [] if self._refused is None else self._refused
        for message in self.receive_nowait():
            unread += _sequences_of(message)
        self._inlet.close()
        self._outlet.close()
        self._quota.release()
        return unread

    def _note_taken(self) -> None:
        self._batch = None
        self._quota.waiting = 0
        if self._quota.is_counted:
            self._quota.note_taken()
        self.waiting_since = self._first_at
        self._unread.inboxes -= 1

    def _text_cost(self, message: TurnMessage) -> int:
        match message:
            case StreamSummary() if not self._has_summary:
                # One summary as long as the answer belongs to every answer: it says nothing of a
                # slow reader, and the largest message bounds it. It takes memory all the same.
                self._has_summary = True
                size = len(message.total_content.encode())
                return 0 if self._quota.take_aside(size) else size
            case StreamSummary(total_content=text, content_hash=claimed):
                return len(text.encode()) + len(claimed or "")
            case StreamError(error=text, reason=reason):
                return len(text.encode()) + len(reason or "")
            case StreamToolCall(tool_call=call):
                return len(encode(call))
            case StreamStatus(tool=tool):
                return len(tool.encode("utf-8", "replace"))
            case StreamFollowUp(follow_up=texts):
                return sum(len(text.encode()) for text in texts)
            case _:
                return 0


def _sequences_of(message: TurnMessage) -> list[int]:
    """The chunk's, where it is one that has one."""
    if isinstance(message, StreamChunk) and message.sequence is not None:
        return [message.sequence]
    return []
