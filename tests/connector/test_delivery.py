from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eyeclaw_trio.connector.delivery import (
    ACKNOWLEDGED_WITHIN,
    DOUBT,
    WINDOW,
    Delivery,
    Unacknowledged,
)
from eyeclaw_trio.protocol.bot import (
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamFollowUp,
    StreamMessage,
    StreamSummary,
    StreamToolCall,
)


def chunk(sequence: int, text: str = "x") -> StreamChunk:
    return StreamChunk("t1", text, sequence)


END = StreamEnd("t1")
SUMMARY = StreamSummary("t1", "xx", 2, "hash")
ERROR = StreamError("t1", "broken", "model_error")


def say(delivery: Delivery, *messages: StreamMessage) -> None:
    for message in messages:
        delivery.say(message)


def test_chunks_go_out_once_and_the_ending_when_all_are_acknowledged() -> None:
    delivery = Delivery("t1")
    say(delivery, chunk(0), chunk(1))
    assert delivery.take(0.0) == [chunk(0), chunk(1)]
    assert delivery.take(0.0) == []
    say(delivery, END, SUMMARY)
    assert delivery.take(1.0) == []
    assert delivery.deadline() == 1.0 + ACKNOWLEDGED_WITHIN
    delivery.acknowledge(0)
    assert delivery.take(1.1) == []
    delivery.acknowledge(1)
    assert delivery.take(1.2) == [END, SUMMARY]
    assert delivery.closed_at == 1.2
    assert delivery.take(9.9) == []


def test_an_ending_waits_two_seconds_for_acknowledgements_and_no_longer() -> None:
    delivery = Delivery("t1")
    say(delivery, chunk(0), END, SUMMARY)
    assert delivery.take(5.0) == [chunk(0)]
    assert delivery.take(6.9) == []
    assert delivery.take(7.0) == [END, SUMMARY]


def test_an_action_goes_out_in_its_place_and_again_after_a_broken_link() -> None:
    delivery = Delivery("t1")
    photo = StreamToolCall("t1", {"command": "take_photo"})
    say(delivery, chunk(0), photo, chunk(1))
    assert delivery.take(0.0) == [chunk(0), photo, chunk(1)]
    delivery.acknowledge(0)
    delivery.link_lost()
    assert delivery.take(1.0) == [photo, chunk(1)]
    say(delivery, StreamFollowUp("t1", ("还有呢？",)), END, SUMMARY)
    assert delivery.take(1.0) == [StreamFollowUp("t1", ("还有呢？",))]
    delivery.acknowledge(1)
    assert delivery.take(1.1) == [END, SUMMARY]
    assert delivery.is_over(1.1 + DOUBT)


def test_an_error_follows_the_text_at_once() -> None:
    delivery = Delivery("t1")
    say(delivery, chunk(0), ERROR)
    assert delivery.take(0.0) == [chunk(0), ERROR]
    assert delivery.closed_at == 0.0


def test_an_answer_without_text_ends_at_once() -> None:
    delivery = Delivery("t1")
    say(delivery, END, SUMMARY)
    assert delivery.take(0.0) == [END, SUMMARY]


def test_a_new_link_gets_what_was_not_acknowledged_before_what_is_new() -> None:
    delivery = Delivery("t1")
    say(delivery, chunk(0), chunk(1), chunk(2))
    delivery.take(0.0)
    delivery.acknowledge(1)
    delivery.link_lost()
    say(delivery, chunk(3), END, SUMMARY)
    assert delivery.take(1.0) == [chunk(0), chunk(2), chunk(3)]
    assert delivery.take(3.0) == [END, SUMMARY]


def test_an_acknowledgement_on_the_new_link_counts_for_what_went_out_on_the_old() -> None:
    delivery = Delivery("t1")
    say(delivery, chunk(0), chunk(1))
    delivery.take(0.0)
    delivery.link_lost()
    delivery.acknowledge(0)
    assert delivery.take(1.0) == [chunk(1)]


def test_an_acknowledgement_of_what_was_never_sent_loses_nothing() -> None:
    delivery = Delivery("t1")
    say(delivery, chunk(0))
    delivery.acknowledge(0)
    delivery.acknowledge(7)
    assert delivery.take(0.0) == [chunk(0)]


def test_an_ending_is_repeated_when_the_link_dies_behind_it() -> None:
    delivery = Delivery("t1")
    say(delivery, chunk(0))
    delivery.take(0.0)
    delivery.acknowledge(0)
    say(delivery, END, SUMMARY)
    assert delivery.take(0.0) == [END, SUMMARY]
    assert not delivery.is_over(DOUBT - 0.1)
    delivery.link_lost()
    assert delivery.take(30.0) == [END, SUMMARY]
    assert not delivery.is_over(30.0)
    assert delivery.is_over(30.0 + DOUBT)


def test_what_is_unacknowledged_is_bounded_in_bytes_and_in_chunks() -> None:
    few, many = Unacknowledged(), Unacknowledged()
    few.add(chunk(0, "你" * (WINDOW // 3)))
    assert not few.has_room
    sequence = 0
    while many.has_room:
        many.add(chunk(sequence, ""))
        sequence += 1
    assert sequence < 2_000
    many.acknowledge(0)
    many.acknowledge(0)
    many.acknowledge(1)
    assert many.has_room


class Wire(RuleBasedStateMachine):
    """A bot, a link that breaks, and a gateway that has what got through."""

    def __init__(self) -> None:
        super().__init__()
        self.delivery = Delivery("t1")
        self.now = 0.0
        self.said = 0
        self.has_ended = False
        self.linked = True
        self.in_flight: list[StreamMessage] = []
        self.on_this_link: list[int] = []
        self.received: list[StreamMessage] = []

    @precondition(lambda self: not self.has_ended)
    @rule()
    def say_chunk(self) -> None:
        self.delivery.say(chunk(self.said, str(self.said)))
        self.said += 1

    @precondition(lambda self: not self.has_ended)
    @rule()
    def say_ending(self) -> None:
        say(self.delivery, END, SUMMARY)
        self.has_ended = True

    @precondition(lambda self: self.linked)
    @rule()
    def take(self) -> None:
        messages = self.delivery.take(self.now)
        numbers = [m.sequence for m in messages if isinstance(m, StreamChunk)]
        self.on_this_link += [number for number in numbers if number is not None]
        self.in_flight += messages

    @rule(share=st.floats(0, 1))
    def arrive(self, share: float) -> None:
        count = round(len(self.in_flight) * share)
        self.received += self.in_flight[:count]
        del self.in_flight[:count]

    @rule(data=st.data())
    def acknowledge(self, data: Any) -> None:
        numbers = [m.sequence for m in self.received if isinstance(m, StreamChunk)]
        if numbers:
            self.delivery.acknowledge(data.draw(st.sampled_from(numbers)))

    @rule(seconds=st.floats(0, 3))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.linked)
    @rule()
    def break_link(self) -> None:
        self.in_flight.clear()
        self.on_this_link.clear()
        self.delivery.link_lost()
        self.linked = False

    @precondition(lambda self: not self.linked)
    @rule()
    def come_back(self) -> None:
        self.linked = True

    @invariant()
    def on_one_link_all_is_in_order_and_once(self) -> None:
        assert self.on_this_link == sorted(set(self.on_this_link))

    @invariant()
    def nothing_overtakes_what_is_missing(self) -> None:
        have: set[int] = set()
        for message in self.received:
            match message:
                case StreamChunk(sequence=int(sequence)):
                    assert sequence == 0 or sequence - 1 in have
                    have.add(sequence)
                case _:
                    assert len(have) == self.said

    def teardown(self) -> None:
        if not self.has_ended:
            self.say_ending()
        if not self.linked:
            self.come_back()
        self.take()
        self.now += ACKNOWLEDGED_WITHIN
        assert self.delivery.closed_at is not None or self.delivery.deadline() <= self.now
        self.take()
        self.arrive(1.0)
        have = {m.sequence for m in self.received if isinstance(m, StreamChunk)}
        assert have == set(range(self.said))
        assert END in self.received
        assert SUMMARY in self.received
        assert self.delivery.closed_at is not None


TestWire = Wire.TestCase
TestWire.settings = settings(max_examples=100, stateful_step_count=40)


@given(st.lists(st.tuples(st.text(max_size=20), st.booleans()), max_size=50))
def test_the_room_is_what_it_was_when_all_is_acknowledged(texts: list[tuple[str, bool]]) -> None:
    kept = Unacknowledged()
    for sequence, (text, _) in enumerate(texts):
        kept.add(chunk(sequence, text))
    for sequence, (_, twice) in enumerate(texts):
        kept.acknowledge(sequence)
        if twice:
            kept.acknowledge(sequence)
    assert len(kept) == 0
    assert kept.has_room
