"""What one answer still owes the gateway: numbers in, what to send next out. Pure.

Only the gateway's `chunk_received` says that a chunk has reached the glasses' connection, so each
chunk is kept until then, and after a broken link sent again (PROTOCOL 2; RELIABILITY 1). Ends and
summaries are not acknowledged: they are sent again when the link breaks soon after them, and a
gateway ignores the second one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Final

from eyeclaw_trio.protocol.bot import (
    StreamAside,
    StreamChunk,
    StreamError,
    StreamFollowUp,
    StreamMessage,
    StreamStatus,
    StreamSummary,
    StreamToolCall,
)

# Bytes of one answer that may be unacknowledged before the model has to wait. It is well under
# the gateway's `answer_buffer` (1 MiB), which is counted in the same way: a bot that is faster
# than the reader must not look like a reader that is too slow.
WINDOW: Final = 262_144
# What a chunk costs beside its text, as the gateway counts it.
CHUNK_COST: Final = 200
# The end of an answer waits so long for the last acknowledgements, as an SDK does (seconds).
ACKNOWLEDGED_WITHIN: Final = 2.0
# A link that dies within so many seconds after an ending may have taken it along: a dead link is
# noticed after 10 s at most.
DOUBT: Final = 15.0


class Unacknowledged:
    """The chunks of one answer that the gateway has not yet acknowledged, oldest first."""

    def __init__(self) -> None:
        self._chunks: dict[int, StreamChunk] = {}
        self._cost = 0

    def add(self, chunk: StreamChunk) -> None:
        """A chunk, with the number after the last one's."""
        if chunk.sequence is None:
            raise ValueError("a chunk without its number cannot be acknowledged")
        self._chunks[chunk.sequence] = chunk
        self._cost += _cost(chunk)

    def acknowledge(self, sequence: int) -> None:
        """The chunk has arrived; what is not known, or no more, is no fault."""
        chunk = self._chunks.pop(sequence, None)
        if chunk is not None:
            self._cost -= _cost(chunk)

    @property
    def has_room(self) -> bool:
        """Whether the answer may go on."""
        return self._cost < WINDOW

    def __len__(self) -> int:
        return len(self._chunks)

    def __iter__(self) -> Iterator[StreamChunk]:
        return iter(self._chunks.values())

    def __contains__(self, sequence: int | None) -> bool:
        return sequence in self._chunks


def _cost(chunk: StreamChunk) -> int:
    return CHUNK_COST + len(chunk.content.encode())


class Delivery:
    """One answer on its way over a link that may break. Times are monotonic seconds."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.unacknowledged = Unacknowledged()
        self.closed_at: float | None = None
        """When the last message was sent on the link that lives; None: there is more to come."""
        self._unsent: deque[StreamChunk | StreamAside] = deque()
        self._asides: list[StreamAside] = []
        self._next_to_send = 0
        self._endings: list[StreamMessage] = []
        self._endings_sent = 0
        self._text_out_at = math.inf

    def say(self, message: StreamMessage) -> None:
        """The answer goes on: chunks numbered from 0, then its endings in their order."""
        if isinstance(message, StreamChunk):
            self.unacknowledged.add(message)
            self._unsent.append(message)
        elif isinstance(message, StreamToolCall | StreamFollowUp):
            self._asides.append(message)
            self._unsent.append(message)
        elif isinstance(message, StreamStatus):
            self._unsent.append(message)  # of the moment: with its link gone it is old news
        else:
            self._endings.append(message)

    def acknowledge(self, sequence: int) -> None:
        """The gateway has written this chunk; of one that was never sent it cannot know."""
        if sequence < self._next_to_send:
            self.unacknowledged.acknowledge(sequence)

    def link_lost(self) -> None:
        """The link is gone: what may have gone with it is to be sent again, in order. Nobody
        acknowledges what stands beside the chunks: a gateway takes it once."""
        self._unsent = deque([*self._asides, *self.unacknowledged])
        self._endings_sent = 0
        self._text_out_at = math.inf
        self.closed_at = None

    def take(self, now: float) -> list[StreamMessage]:
        """What to send now, in order; it counts as sent. Only while there is a link.

        An ending follows when all chunks are acknowledged or have had their time; an error at
        once, because nothing comes after it that could be late.
        """
        # An acknowledgement may come on the new link for what went out on the old one.
        messages: list[StreamMessage] = []
        for message in self._unsent:
            if not isinstance(message, StreamChunk):
                messages.append(message)
                continue
            self._next_to_send = max(self._next_to_send, (message.sequence or 0) + 1)
            if message.sequence in self.unacknowledged:
                messages.append(message)
        self._unsent.clear()
        if self._endings_sent == len(self._endings):
            return messages
        self._text_out_at = min(self._text_out_at, now)
        if now >= self._ending_due():
            messages += self._endings[self._endings_sent :]
            self._endings_sent = len(self._endings)
            if isinstance(self._endings[-1], StreamSummary | StreamError):
                self.closed_at = now
        return messages

    def deadline(self) -> float:
        """When to `take` again at the latest, news or not."""
        if self._endings_sent == len(self._endings):
            return math.inf
        return self._ending_due()

    def is_over(self, now: float) -> bool:
        """Whether all was sent so long ago that no broken link can have taken it along."""
        return self.closed_at is not None and now >= self.closed_at + DOUBT

    def _ending_due(self) -> float:
        if not self.unacknowledged or isinstance(self._endings[-1], StreamError):
            return -math.inf
        return self._text_out_at + ACKNOWLEDGED_WITHIN
