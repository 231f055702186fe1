"""An answer that a machine drives, with clocks of its own beside it and the verdict it expects.

Times are multiples of 1/8 s, so that they are exact.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from attrs import define, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.reply_events import KeepAlive
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.turn_messages import TurnMessage
from eyeclaw_trio.errors import (
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    GatewayStopping,
    Reason,
    TurnFailed,
)
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content

CHUNKS: Final = 6
PATIENCE: Final = Patience()
# More looks than the longest turn can need: its waits, with a comment every seven seconds.
_MOST_LOOKS: Final = 40


@define
class Clocks:
    """What has passed of each wait, in seconds."""

    unwritten: float = 0.0
    silent: float = 0.0
    away: float = 0.0
    queued: float = 0.0
    since_end: float = 0.0
    since_back: float = 0.0


@define
class Happened:
    """What has been said to the answer so far, and by whom."""

    is_asked: bool = False
    is_linked: bool = True
    has_end: bool = False
    has_summary: bool = False
    has_error: bool = False
    is_drained: bool = False
    has_spoken: bool = False
    is_doubted: bool = False
    copies: Counter[int] = field(factory=Counter)
    late: Counter[int] = field(factory=Counter)
    acknowledged: Counter[int] = field(factory=Counter)


class DrivenAnswer(RuleBasedStateMachine):
    """One answer, looked at whenever it wants to be, with what was said to it beside it."""

    @initialize(texts=st.lists(st.sampled_from(["甲", "bb", "", " ", "😀"]), min_size=CHUNKS))
    def ask(self, texts: list[str]) -> None:
        self.texts = [f"{text}{n}" if text.strip() else text for n, text in enumerate(texts)]
        self.texts = self.texts[:CHUNKS]
        self.whole = "".join(self.texts)
        self.now = 0.0
        self.trace = Trace("trace_1", "s", 1, 0.0)
        self.answer = Answer(PATIENCE, Limits(), self.trace, 0.0)
        self.out = ""
        self.endings = 0
        self.failure: TurnFailed | None = None
        self.happened = Happened()
        self.clocks = Clocks()

    def step(self, *messages: TurnMessage) -> None:
        was_complete = self.answer.complete
        events = self.answer.step(messages, self.now)
        if was_complete:
            assert events == []
        for event in events:
            if isinstance(event, str):
                assert event
                self.out += event
        assert len([event for event in events if isinstance(event, KeepAlive)]) <= 1
        if any(isinstance(event, KeepAlive) for event in events):
            assert len(events) == 1
            assert self.clocks.unwritten == PATIENCE.keepalive
        if events:
            self.clocks.unwritten = 0.0
        self.happened.acknowledged.update(self.answer.written())
        if self.answer.complete and not was_complete:
            self.endings += 1
            self.failure = self.answer.failure
            self.check_ending()

    def check_ending(self) -> None:
        """The verdict is the one of the table, at its very moment."""
        match self.failure:
            case None:
                assert self.happened.has_end or self.happened.has_summary
                assert self.out.strip()
                if Anomaly.LOST not in self.trace.anomalies:
                    came = set(self.happened.copies)
                    expected = (
                        self.whole
                        if self.happened.has_summary
                        else "".join(self.texts[n] for n in sorted(came))
                    )
                    assert self.out == expected
                assert (
                    self.happened.has_summary
                    or self.happened.is_drained
                    or self.clocks.since_end >= 0.25
                )
            case BotFailed(reason=Reason.EMPTY_ANSWER):
                assert self.happened.has_end or self.happened.has_summary
                assert not self.out.strip()
            case BotFailed():
                assert self.happened.has_error
                assert not self.happened.has_end
            case BotSilent():
                assert self.happened.is_linked
                assert self.clocks.silent == PATIENCE.idle_timeout
            case BotOffline() if self.happened.is_linked:
                assert self.happened.is_doubted
                assert self.clocks.since_back == PATIENCE.resume_grace
            case BotOffline():
                assert self.clocks.away == PATIENCE.resume_grace
            case BotBusy():
                assert not self.happened.is_asked
                assert self.clocks.queued == PATIENCE.queue_timeout
            case GatewayStopping():
                assert self.happened.is_drained
        holes = set(range(max(self.happened.copies, default=-1) + 1)) - set(self.happened.copies)
        assert bool({Anomaly.LOST, Anomaly.HEALED} & set(self.trace.anomalies)) == bool(
            self.trace.missing
        )
        named = {n for first, last in self.trace.missing for n in range(first, last + 1)}
        assert holes <= named

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.clocks.unwritten += seconds
        if self.happened.is_linked and self.happened.is_asked:
            self.clocks.silent += seconds
        if self.happened.is_linked:
            self.clocks.since_back += seconds
        if not self.happened.is_linked:
            self.clocks.away += seconds
        if not self.happened.is_asked:
            self.clocks.queued += seconds
        if self.happened.has_end:
            self.clocks.since_end += seconds

    def say(self, *messages: TurnMessage) -> None:
        if not messages:  # then nothing was said
            return
        self.clocks.silent = 0.0
        self.happened.has_spoken, self.happened.is_doubted = True, False
        is_over = self.answer.complete
        for message in messages:
            match message:
                case StreamChunk(_, _, int(sequence)):
                    (self.happened.late if is_over else self.happened.copies)[sequence] += 1
                case _ if is_over:
                    continue
                case StreamError() if not self.happened.has_end:
                    self.happened.has_error = is_over = True
                case StreamSummary():
                    self.happened.has_summary = True
                case StreamEnd():
                    self.happened.has_end = True
        self.step(*messages)

    def chunk(self, number: int) -> StreamChunk:
        return StreamChunk("s", self.texts[number], number)

    @property
    def summary(self) -> StreamSummary:
        return StreamSummary("s", self.whole, len(self.texts), hash_content(self.whole))

    def may_speak(self) -> bool:
        return self.happened.is_asked and self.happened.is_linked

    def teardown(self) -> None:
        """Left alone, every answer comes to its end."""
        if not hasattr(self, "answer"):
            return
        for _ in range(_MOST_LOOKS):
            if self.answer.complete:
                break
            due = self.answer.deadline()
            assert due > self.now
            assert not math.isinf(due)
            self.pass_time(due - self.now)
            self.step()
        assert self.answer.complete
        assert self.endings == 1
