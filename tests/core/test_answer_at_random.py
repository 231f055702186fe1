"""One answer under everything at once: any order of messages, breaks and time.

The machine looks at the answer whenever the answer wants to be looked at, as a turn does, and
keeps clocks of its own beside it. Times are multiples of 1/8 s, so that they are exact.
"""

from __future__ import annotations

from driven_answer import CHUNKS, PATIENCE, DrivenAnswer
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.turn_messages import (
    DrainOver,
    LinkBack,
    LinkLost,
    LinkReplaced,
    PlaceGranted,
    TurnMessage,
)
from eyeclaw_trio.protocol.bot import Status, StreamEnd, StreamError

_numbers = st.integers(0, CHUNKS - 1)


class AnswerMachine(DrivenAnswer):
    """Messages of one turn in any order, with a truthful bot."""

    @precondition(lambda self: not self.happened.is_asked and self.happened.is_linked)
    @rule()
    def a_place_is_free(self) -> None:
        self.happened.is_asked = True
        self.clocks.silent = 0.0
        self.step(PlaceGranted())

    @precondition(DrivenAnswer.may_speak)
    @rule(number=_numbers)
    def one_chunk(self, number: int) -> None:
        self.say(self.chunk(number))

    @precondition(DrivenAnswer.may_speak)
    @rule(numbers=st.lists(_numbers, min_size=2, max_size=8))
    def a_burst(self, numbers: list[int]) -> None:
        self.say(*(self.chunk(number) for number in numbers))

    @precondition(DrivenAnswer.may_speak)
    @rule(numbers=st.lists(_numbers, max_size=4), endings=st.permutations(range(3)), data=st.data())
    def endings_among_chunks_in_one_burst(
        self, numbers: list[int], endings: list[int], data: st.DataObject
    ) -> None:
        kinds: list[TurnMessage] = [StreamEnd("s"), self.summary, StreamError("s", "boom")]
        burst: list[TurnMessage] = [self.chunk(number) for number in numbers]
        for kind in endings[: data.draw(st.integers(1, 3))]:
            burst.insert(data.draw(st.integers(0, len(burst))), kinds[kind])
        self.say(*burst)

    @precondition(lambda self: self.happened.is_asked and not self.happened.is_linked)
    @rule(numbers=st.lists(_numbers, max_size=3), ends=st.booleans())
    def a_new_link_speaks_before_it_subscribes(self, numbers: list[int], *, ends: bool) -> None:
        self.say(*(self.chunk(number) for number in numbers), *([StreamEnd("s")] if ends else []))

    @precondition(DrivenAnswer.may_speak)
    @rule()
    def all_that_is_left_and_the_end(self) -> None:
        left = [n for n in range(CHUNKS) if n not in self.happened.copies]
        self.say(*(self.chunk(number) for number in left), StreamEnd("s"))

    @precondition(DrivenAnswer.may_speak)
    @rule()
    def an_end(self) -> None:
        self.say(StreamEnd("s"))

    @precondition(DrivenAnswer.may_speak)
    @rule()
    def a_summary(self) -> None:
        self.say(self.summary)

    @precondition(DrivenAnswer.may_speak)
    @rule()
    def an_error(self) -> None:
        self.say(StreamError("s", "boom"))

    @precondition(DrivenAnswer.may_speak)
    @rule()
    def a_status(self) -> None:
        self.say(Status("s"))

    @precondition(lambda self: self.happened.is_linked)
    @rule()
    def the_link_breaks(self) -> None:
        self.happened.is_linked, self.clocks.away = False, 0.0
        self.happened.is_doubted = self.happened.has_spoken
        self.step(LinkLost())

    @precondition(lambda self: not self.happened.is_linked)
    @rule()
    def the_link_is_back(self) -> None:
        self.happened.is_linked, self.clocks.since_back = True, 0.0
        self.step(LinkBack())

    @precondition(lambda self: self.happened.is_linked and self.happened.is_asked)
    @rule()
    def the_link_is_replaced(self) -> None:
        self.happened.is_doubted, self.clocks.since_back = self.happened.has_spoken, 0.0
        self.step(LinkReplaced())

    @precondition(lambda self: self.now > 30.0)
    @rule()
    def the_drain_is_over(self) -> None:
        self.happened.is_drained = True
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
    def each_copy_is_acknowledged_once_at_most_and_as_it_is_written(self) -> None:
        received = self.happened.copies + self.happened.late
        assert self.happened.acknowledged <= received
        written = 0
        while written in self.happened.copies:
            written += 1
        for sequence in range(written):
            assert self.happened.acknowledged[sequence] == received[sequence]
        assert all(
            self.happened.acknowledged[sequence] >= self.happened.late[sequence]
            for sequence in self.happened.late
        )

    @invariant()
    def there_is_one_ending_and_it_stays(self) -> None:
        assert self.endings == self.answer.complete
        assert self.answer.failure is self.failure

    @invariant()
    def the_next_look_is_due_in_the_future_and_in_time(self) -> None:
        if not self.answer.complete:
            assert self.now < self.answer.deadline() <= self.now + PATIENCE.keepalive

    @invariant()
    def no_limit_is_ever_overstepped(self) -> None:
        if self.answer.complete:
            return
        assert self.clocks.unwritten < PATIENCE.keepalive
        if self.happened.has_end and self.happened.has_summary:
            raise AssertionError("the end and the summary are there: it should be over")
        if not self.happened.is_linked:
            assert self.clocks.away < PATIENCE.resume_grace
        if not self.happened.is_asked:
            assert self.clocks.queued < PATIENCE.queue_timeout
        elif not (self.happened.has_end or self.happened.has_summary):
            assert self.clocks.silent < PATIENCE.idle_timeout
            if self.happened.is_linked and self.happened.is_doubted:
                assert self.clocks.since_back < PATIENCE.resume_grace

    @invariant()
    def the_trace_counts_along(self) -> None:
        assert self.trace.chunks_received == len(self.happened.copies)
        assert self.trace.duplicates == self.happened.copies.total() - len(self.happened.copies)


AnswerMachine.TestCase.settings = settings(max_examples=250, stateful_step_count=25)
TestAnyAnswer = AnswerMachine.TestCase
