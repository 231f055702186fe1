"""A bot without a socket."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from attrs import define, field

from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamMessage, StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.to_bot import Cancel, ExecuteCommand, ToBot
from eyeclaw_trio.relay.station import Station


@define(eq=False)
class FakeBot:
    """A bot's link without a socket: it remembers what it was told, and says what a test wants."""

    station: Station
    capacity: int = 1
    can_cancel: bool = False
    can_resume: bool = False
    is_alive: bool = True
    told: list[ToBot] = field(factory=list)
    acknowledged: list[tuple[str, int]] = field(factory=list)
    replacements: int = 0
    _news: trio.Event = field(factory=trio.Event)

    def send(self, message: ToBot) -> None:
        self.told.append(message)
        self._wake()

    def acknowledge(self, session_id: str, sequences: Sequence[int]) -> None:
        self.acknowledged += [(session_id, sequence) for sequence in sequences]
        self._wake()

    def replace(self) -> None:
        self.replacements += 1
        self._wake()

    @property
    def commands(self) -> list[ExecuteCommand]:
        return [message for message in self.told if isinstance(message, ExecuteCommand)]

    @property
    def cancelled(self) -> list[str]:
        return [message.session_id for message in self.told if isinstance(message, Cancel)]

    async def wait_for_commands(self, count: int = 1) -> list[ExecuteCommand]:
        """Wait until so many commands have come; they are what is returned."""
        while len(self.commands) < count:
            await self._news.wait()
        return self.commands

    async def wait_for_cancel(self) -> None:
        while not self.cancelled:
            await self._news.wait()

    async def wait_for_acknowledged(self, count: int) -> None:
        while len(self.acknowledged) < count:
            await self._news.wait()

    def say(self, *messages: StreamMessage) -> None:
        for message in messages:
            self.station.deliver(self, message)

    def answer(self, session_id: str, *pieces: str) -> None:
        """A whole answer, as a good bot gives it."""
        self.say(*[StreamChunk(session_id, text, n) for n, text in enumerate(pieces)])
        self.say(StreamEnd(session_id), summary_of(session_id, *pieces))

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()


def summary_of(session_id: str, *pieces: str) -> StreamSummary:
    """The truthful summary of these chunks."""
    text = "".join(pieces)
    return StreamSummary(session_id, text, len(pieces), hash_content(text))
