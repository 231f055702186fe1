"""An answer with its trace, driven by hand, and the messages that drive it."""

from __future__ import annotations

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reply_events import KeepAlive, ReplyEvent
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.turn_messages import PlaceGranted, TurnMessage
from eyeclaw_trio.core.voice import AS_IT_COMES, Manner
from eyeclaw_trio.errors import TurnFailed
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content

MS = 0.001
KEEP_ALIVE = KeepAlive()
EARLY_KEEP_ALIVE = KeepAlive(is_early=True)
END = StreamEnd("s")


class Turn:
    """An answer with its trace, driven by hand: each call is one step at the time given."""

    def __init__(
        self,
        patience: Patience | None = None,
        limits: Limits | None = None,
        *,
        now: float = 0.0,
        sent: bool = True,
        manner: Manner = AS_IT_COMES,
    ) -> None:
        self.trace = Trace("trace_1", "s", 1, now)
        self.answer = Answer(
            patience or Patience(), limits or Limits(), self.trace, now, manner=manner
        )
        self.acknowledged: list[int] = []
        self.text = ""
        if sent:
            assert self.at(now, PlaceGranted()) == []

    def at(self, now: float, *messages: TurnMessage) -> list[ReplyEvent]:
        events = self.answer.step(messages, now)
        texts = [event for event in events if isinstance(event, str)]
        self.text += "".join(texts)
        self.trace.note_written(now, now, texts)
        self.acknowledged += self.answer.written()
        return events

    def run_until(self, end: float, *, start: float = 0.0) -> list[tuple[float, ReplyEvent]]:
        """Look whenever the answer wants to be looked at; returns what was written, and when."""
        log: list[tuple[float, ReplyEvent]] = []
        now = start
        while not self.answer.complete and self.answer.deadline() <= end:
            assert self.answer.deadline() > now, "the clock would spin"
            now = self.answer.deadline()
            log += [(now, event) for event in self.at(now)]
        return log

    @property
    def failure(self) -> TurnFailed | None:
        assert self.answer.complete
        return self.answer.failure


def chunk(sequence: int | None, text: str = "x") -> StreamChunk:
    return StreamChunk("s", text, sequence)


def summary(text: str, chunks: int | None = None) -> StreamSummary:
    return StreamSummary("s", text, chunks, hash_content(text))


def quiet() -> Patience:
    """Patience without comments in between, where only verdicts matter."""
    return Patience(keepalive=1e6)
