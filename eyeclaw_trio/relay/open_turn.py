"""A turn as the switchboard knows it: its memory channel, and the way back to its bot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Self

import trio

from eyeclaw_trio.core.answer import Revoked, TurnMessage
from eyeclaw_trio.protocol.bot import (
    ExecuteCommand,
    StreamChunk,
    StreamError,
    StreamSummary,
)
from eyeclaw_trio.relay.link import Link

if TYPE_CHECKING:
    from eyeclaw_trio.relay.station import Station

# What a message costs in memory beside its text, in bytes: the object, its fields, its place in
# the channel. It keeps a flood of empty chunks within `answer_buffer` too.
_MESSAGE_COST: Final = 200


# Seconds that an answer on a revoked key has to end by itself, with a word to its reader.
REVOKED_WITHIN: Final = 1.0


class OpenTurn:
    """A turn as the switchboard knows it: its memory channel, and the way back to its bot.

    At most `answer_buffer` bytes wait in the channel; a message more means that the reader takes
    less than the bot gives, and cancels `overflow`.
    """

    __slots__ = (  # there may be thousands
        "_batch",
        "_buffer",
        "_first_at",
        "_has_summary",
        "_inbox",
        "_outlet",
        "_overflow",
        "_refused",
        "_station",
        "_waiting",
        "command",
        "has_foreign_word",
        "has_spoken",
        "is_revoked",
        "link",
        "overflowed",
        "session_id",
        "waiting_since",
    )

    def __init__(
        self, station: Station, command: ExecuteCommand, buffer: int, overflow: trio.CancelScope
    ) -> None:
        self.session_id = command.session_id
        self.command: ExecuteCommand | None = command
        """What is sent again where it may have been lost; None once the bot has spoken."""
        self.overflowed = False
        self.is_revoked = False
        self.waiting_since = 0.0
        """When the first of the messages last received had come (monotonic seconds)."""
        self.link: Link | None = None
        self.has_spoken = False
        self.has_foreign_word = False
        self._station = station
        self._buffer = buffer
        self._overflow = overflow
        self._waiting = 0
        self._first_at = 0.0
        self._has_summary = False
        self._refused: list[int] = []
        # What comes while the turn is busy is one item: a batch, which grows until it is taken. It
        # is bounded in bytes, here and not in trio.
        self._batch: list[TurnMessage] | None = None
        self._inbox, self._outlet = trio.open_memory_channel[list[TurnMessage]](1)

    def __enter__(self) -> Self:
        self._station.open_turn(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._station.close_turn(self)

    def put(self, message: TurnMessage, received_at: float | None = None) -> None:
        """Hand the turn a message, received at that moment or now, without waiting."""
        if self.overflowed:
            self._note_refused(message)
            return
        cost = _MESSAGE_COST
        if message.__class__ is StreamChunk:
            cost += len(message.content.encode())
        else:
            cost += self._text_cost(message)
        if self._batch is None:
            self._first_at = self._station.now() if received_at is None else received_at
            self._station.note_unread()
            self._batch = [message]
            self._inbox.send_nowait(self._batch)
        elif self._waiting + cost > self._buffer:
            self.overflowed = True
            self._note_refused(message)
            self._overflow.cancel()
            return
        else:
            self._batch.append(message)
        self._waiting += cost

    async def receive_all(self) -> list[TurnMessage]:
        """Wait for at least one message and take all that are there, in order.

        Cancellation loses none: what was not returned stays in the channel.
        """
        # What is there already comes first, without a look at the clock: a write may have taken
        # longer than the deadline of this wait, and the bot must not be blamed for it.
        if self._batch is not None:
            return self.receive_now()
        messages = await self._outlet.receive()
        self._note_taken()
        return messages

    def receive_now(self) -> list[TurnMessage]:
        """Take all messages that are there, in order, without waiting."""
        try:
            messages = self._outlet.receive_nowait()
        except trio.WouldBlock:
            return []
        self._note_taken()
        return messages

    def acknowledge(self, sequences: Sequence[int]) -> None:
        """Tell the bot that these chunks have been written, on the link it is heard on."""
        if sequences:
            self._station.acknowledge(self, sequences)

    def next_place_due(self) -> float:
        """When a place may become free by silence alone (monotonic seconds, inf for never)."""
        return self._station.next_place_due(self)

    def claim_place(self) -> None:
        """Where this turn still waits: look whether silence has freed a place."""
        if self._station.is_waiting(self):
            self._station.assign_places()

    def close(self) -> list[int]:
        """Release the channel; returns the chunks that had come and were never looked at."""
        for message in self.receive_now():
            self._note_refused(message)
        self._inbox.close()
        self._outlet.close()
        return self._refused

    def revoke(self) -> None:
        """The key or the bot is gone: say so, and end what is being written soon, whatever its
        reader does (RELIABILITY 30)."""
        self.is_revoked = True
        self.put(Revoked())
        self._overflow.deadline = min(self._overflow.deadline, self._station.now() + REVOKED_WITHIN)

    def _note_taken(self) -> None:
        self._batch = None
        self._waiting = 0
        self.waiting_since = self._first_at
        self._station.note_read()

    def _text_cost(self, message: TurnMessage) -> int:
        match message:
            case StreamSummary() if not self._has_summary:
                # One summary as long as the answer belongs to every answer: it says nothing of a
                # slow reader, and the largest message bounds it.
                self._has_summary = True
                return 0
            case StreamSummary(total_content=text, content_hash=claimed):
                return len(text.encode()) + len(claimed or "")
            case StreamError(error=text, reason=reason):
                return len(text.encode()) + len(reason or "")
            case _:
                return 0

    def _note_refused(self, message: TurnMessage) -> None:
        if isinstance(message, StreamChunk) and message.sequence is not None:
            self._refused.append(message.sequence)
