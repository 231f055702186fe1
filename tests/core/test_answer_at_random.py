"""One answer under everything at once: any order of messages, breaks and time.

The machine looks at the answer whenever the answer wants to be looked at, as a turn does, and
keeps clocks of its own beside it. Times are multiples of 1/8 s, so that they are exact.
"""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.reply_events import KeepAlive
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.turn_messages import (
    DrainOver,
    LinkBack,
    LinkLost,
    LinkReplaced,
    PlaceGranted,
    TurnMessage,
)
from eyeclaw_trio.errors import (
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    GatewayStopping,
    Reason,
    TurnFailed,
)
from eyeclaw_trio.protocol.bot import (
    Status,
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamSummary,
    hash_content,
)

_CHUNKS = 6
_PATIENCE = Patience()
# More looks than the longest turn can need: its waits, with a comment every seven seconds.
_MOST_LOOKS = 40

_numbers = st.integers(0, _CHUNKS - 1)


class AnswerMachine(RuleBasedStateMachine):
    """Messages of one turn in any order, with a truthful bot."""

    @initialize(texts=st.lists(st.sampled_from(["甲", "bb", "", " ", "😀"]), min_size=_CHUNKS))
    def ask(self, texts: list[str]) -> None:
        self.texts = [f"{text}{n}" if text.strip() else text for n, text in enumerate(texts)]
        self.texts = self.texts[:_CHUNKS]
        self.whole = "".join(self.texts)
        self.now = 0.0
        self.trace = Trace("trace_1", "s", 1, 0.0)
        self.answer = Answer(_PATIENCE, Limits(), self.trace, 0.0)
        self.out = ""
        self.copies, self.late, self.acknowledged = Counter[int](), Counter[int](), Counter[int]()
        self.endings = 0
        self.failure: TurnFailed | None = None
        self.is_asked = self.is_linked = False
        self.has_end = self.has_summary = self.has_error = self.is_drained = False
        self.gap_at_end = False
        # Clocks of our own, in seconds.
        self.unwritten = self.silent = self.away = self.queued = self.since_end = 0.0
        self.is_linked = True
        self.has_spoken = self.is_doubted = False
        self.since_back = 0.0

    # ---- driving it ---------------------------------------------------------------------------

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
        if KeepAlive() in events:
            assert len(events) == 1
            assert self.unwritten == _PATIENCE.keepalive
        if events:
            self.unwritten = 0.0
        self.acknowledged.update(self.answer.written())
        if self.answer.complete and not was_complete:
            self.endings += 1
            self.failure = self.answer.failure
            self.check_ending()

    def check_ending(self) -> None:
        """The verdict is the one of the table, at its very moment."""
        match self.failure:
            case None:
                assert self.has_end or self.has_summary
                assert self.out.strip()
                if Anomaly.LOST not in self.trace.anomalies:
                    came = set(self.copies)
                    expected = (
                        self.whole
                        if self.has_summary
                        else "".join(self.texts[n] for n in sorted(came))
                    )
                    assert self.out == expected
                assert self.has_summary or self.is_drained or self.since_end >= 0.25
            case BotFailed(reason=Reason.EMPTY_ANSWER):
                assert self.has_end or self.has_summary
                assert not self.out.strip()
            case BotFailed():
                assert self.has_error
                assert not self.has_end
            case BotSilent():
                assert self.is_linked
                assert self.silent == _PATIENCE.idle_timeout
            case BotOffline() if self.is_linked:
                assert self.is_doubted
                assert self.since_back == _PATIENCE.resume_grace
            case BotOffline():
                assert self.away == _PATIENCE.resume_grace
            case BotBusy():
                assert not self.is_asked
                assert self.queued == _PATIENCE.queue_timeout
            case GatewayStopping():
                assert self.is_drained
        holes = set(range(max(self.copies, default=-1) + 1)) - set(self.copies)
        assert bool({Anomaly.LOST, Anomaly.HEALED} & set(self.trace.anomalies)) == bool(
            self.trace.missing
        )
        named = {n for first, last in self.trace.missing for n in range(first, last + 1)}
        assert holes <= named

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.unwritten += seconds
        if self.is_linked and self.is_asked:
            self.silent += seconds
        if self.is_linked:
            self.since_back += seconds
        if not self.is_linked:
            self.away += seconds
        if not self.is_asked:
            self.queued += seconds
        if self.has_end:
            self.since_end += seconds

    def say(self, *messages: TurnMessage) -> None:
        self.silent = 0.0
        self.has_spoken, self.is_doubted = True, False
        is_over = self.answer.complete
        for message in messages:
            match message:
                case StreamChunk(_, _, int(sequence)):
                    (self.late if is_over else self.copies)[sequence] += 1
                case _ if is_over:
                    continue
                case StreamError() if not self.has_end:
                    self.has_error = is_over = True
                case StreamSummary():
                    self.has_summary = True
                case StreamEnd():
                    self.has_end = True
        self.step(*messages)

    def chunk(self, number: int) -> StreamChunk:
        return StreamChunk("s", self.texts[number], number)

    @property
    def summary(self) -> StreamSummary:
        return StreamSummary("s", self.whole, len(self.texts), hash_content(self.whole))

    def may_speak(self) -> bool:
        return self.is_asked and self.is_linked

    # ---- what may happen ------------------------------------------------------------------------

    @precondition(lambda self: not self.is_asked and self.is_linked)
    @rule()
    def a_place_is_free(self) -> None:
        self.is_asked = True
        self.silent = 0.0
        self.step(PlaceGranted())

    @precondition(may_speak)
    @rule(number=_numbers)
    def one_chunk(self, number: int) -> None:
        self.say(self.chunk(number))

    @precondition(may_speak)
    @rule(numbers=st.lists(_numbers, min_size=2, max_size=8))
    def a_burst(self, numbers: list[int]) -> None:
        self.say(*(self.chunk(number) for number in numbers))

    @precondition(may_speak)
    @rule(numbers=st.lists(_numbers, max_size=4), endings=st.permutations(range(3)), data=st.data())
    def endings_among_chunks_in_one_burst(
        self, numbers: list[int], endings: list[int], data: st.DataObject
    ) -> None:
        kinds: list[TurnMessage] = [StreamEnd("s"), self.summary, StreamError("s", "boom")]
        burst: list[TurnMessage] = [self.chunk(number) for number in numbers]
        for kind in endings[: data.draw(st.integers(1, 3))]:
            burst.insert(data.draw(st.integers(0, len(burst))), kinds[kind])
        self.say(*burst)

    @precondition(lambda self: self.is_asked and not self.is_linked)
    @rule(numbers=st.lists(_numbers, max_size=3), ends=st.booleans())
    def a_new_link_speaks_before_it_subscribes(self, numbers: list[int], *, ends: bool) -> None:
        self.say(*(self.chunk(number) for number in numbers), *([StreamEnd("s")] if ends else []))

    @precondition(may_speak)
    @rule()
    def all_that_is_left_and_the_end(self) -> None:
        left = [n for n in range(_CHUNKS) if n not in self.copies]
        self.say(*(self.chunk(number) for number in left), StreamEnd("s"))

    @precondition(may_speak)
    @rule()
    def an_end(self) -> None:
        self.say(StreamEnd("s"))

    @precondition(may_speak)
    @rule()
    def a_summary(self) -> None:
        self.say(self.summary)

    @precondition(may_speak)
    @rule()
    def an_error(self) -> None:
        self.say(StreamError("s", "boom"))

    @precondition(may_speak)
    @rule()
    def a_status(self) -> None:
        self.say(Status("s"))

    @precondition(lambda self: self.is_linked)
    @rule()
    def the_link_breaks(self) -> None:
        self.is_linked, self.away = False, 0.0
        self.is_doubted = self.has_spoken
        self.step(LinkLost())

    @precondition(lambda self: not self.is_linked)
    @rule()
    def the_link_is_back(self) -> None:
        self.is_linked, self.since_back = True, 0.0
        self.step(LinkBack())

    @precondition(lambda self: self.is_linked and self.is_asked)
    @rule()
    def the_link_is_replaced(self) -> None:
        self.is_doubted, self.since_back = self.has_spoken, 0.0
        self.step(LinkReplaced())

    @precondition(lambda self: self.now > 30.0)
    @rule()
    def the_drain_is_over(self) -> None:
        self.is_drained = True
        self.step(DrainOver())

    @rule(eighths=st.sampled_from([1, 2, 3, 16, 40, 56, 100, 159, 160, 479]))
    def time_passes(self, eighths: int) -> None:
        end = self.now + eighths / 8
        while not self.answer.complete and self.answer.deadline() <= end:
            assert self.answer.deadline() > self.now
            self.pass_time(self.answer.deadline() - self.now)
            self.step()
        self.pass_time(end - self.now)

    # ---- what always holds ----------------------------------------------------------------------

    @invariant()
    def what_came_out_is_a_prefix_unless_a_loss_is_recorded(self) -> None:
        assert self.whole.startswith(self.out) or (
            self.answer.complete and Anomaly.LOST in self.trace.anomalies
        )

    @invariant()
    def a_loss_cuts_out_and_never_repeats(self) -> None:
        rest = iter(self.whole)
        assert all(character in rest for character in self.out)

    @invariant()
    def each_copy_is_acknowledged_at_most_once_and_at_once_when_written(self) -> None:
        received = self.copies + self.late
        assert self.acknowledged <= received
        written = 0
        while written in self.copies:
            written += 1
        for sequence in range(written):
            assert self.acknowledged[sequence] == received[sequence]
        assert all(self.acknowledged[sequence] >= self.late[sequence] for sequence in self.late)

    @invariant()
    def there_is_one_ending_and_it_stays(self) -> None:
        assert self.endings == self.answer.complete
        assert self.answer.failure is self.failure

    @invariant()
    def the_next_look_is_due_in_the_future_and_soon_enough(self) -> None:
        if not self.answer.complete:
            assert self.now < self.answer.deadline() <= self.now + _PATIENCE.keepalive

    @invariant()
    def no_limit_is_ever_overstepped(self) -> None:
        if self.answer.complete:
            return
        assert self.unwritten < _PATIENCE.keepalive
        if self.has_end and self.has_summary:
            raise AssertionError("the end and the summary are there: it should be over")
        if not self.is_linked:
            assert self.away < _PATIENCE.resume_grace
        if not self.is_asked:
            assert self.queued < _PATIENCE.queue_timeout
        elif not (self.has_end or self.has_summary):
            assert self.silent < _PATIENCE.idle_timeout
            if self.is_linked and self.is_doubted:
                assert self.since_back < _PATIENCE.resume_grace

    @invariant()
    def the_trace_counts_along(self) -> None:
        assert self.trace.chunks_received == len(self.copies)
        assert self.trace.duplicates == self.copies.total() - len(self.copies)

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


AnswerMachine.TestCase.settings = settings(max_examples=250, stateful_step_count=25, deadline=None)
TestAnyAnswer = AnswerMachine.TestCase
