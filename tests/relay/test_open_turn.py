"""The channel between a bot and its turn: batches, in order, bounded in bytes, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import trio
import trio.testing
from attrs import define, evolve, field
from fakes import FakeBot, Gateway
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.answer import CommandSent, TurnMessage
from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.protocol.bot import (
    CommandMetadata,
    CommandParams,
    ExecuteCommand,
    StreamChunk,
    StreamEnd,
    StreamSummary,
)
from eyeclaw_trio.relay.open_turn import OpenTurn

TURN = "turn"
# What counts for a message beside its text (bytes).
COST = 200
COMMAND = ExecuteCommand(
    CommandParams("你好"),
    CommandMetadata(agent_id="1", session_id=TURN, openclaw_session_id="bot_1", trace_id="trace_1"),
    "2026-01-01T00:00:00Z",
)


def chunks(*sequences: int, text: str = "x") -> list[StreamChunk]:
    return [StreamChunk(TURN, text, sequence) for sequence in sequences]


@define(eq=False)
class Opened:
    """A turn that has its place, and whose channel is empty."""

    bot: FakeBot
    turn: OpenTurn
    overflow: trio.CancelScope
    received: list[TurnMessage] = field(factory=list)

    def put(self, messages: Sequence[TurnMessage]) -> None:
        for message in messages:
            self.turn.put(message)

    def has_overflowed(self) -> bool:
        return self.turn.overflowed

    async def receive(self) -> None:
        self.received += await self.turn.receive_all()


@contextmanager
def opened(buffer: int = 10_000) -> Iterator[Opened]:
    gateway = Gateway(limits=Limits(answer_buffer=buffer))
    bot = gateway.bot()
    overflow = trio.CancelScope()
    with (
        trio.fail_after(5),
        bot.station.attached(bot),
        bot.station.turn(COMMAND, overflow=overflow) as turn,
    ):
        yield Opened(bot, turn, overflow)
    assert gateway.switchboard.unread_turns == 0


async def empty(it: Opened) -> None:
    """Take the notice that the question is on its way."""
    assert await it.turn.receive_all() == [CommandSent()]


# ---- order, and that nothing is lost ------------------------------------------------------------


async def test_what_waits_is_taken_in_one_go_and_in_order() -> None:
    with opened() as it:
        await empty(it)
        it.put(chunks(2, 0, 1))
        assert await it.turn.receive_all() == chunks(2, 0, 1)
        it.put([*chunks(3), StreamEnd(TURN)])
        assert await it.turn.receive_all() == [*chunks(3), StreamEnd(TURN)]


async def test_what_is_there_is_taken_though_the_time_to_wait_is_over() -> None:
    with opened() as it:
        await empty(it)
        it.put(chunks(0))
        with trio.CancelScope() as scope:
            scope.cancel()
            await it.receive()
        assert it.received == chunks(0)


async def test_what_comes_between_the_hand_over_and_the_wake_up_comes_with_it() -> None:
    with opened() as it:
        await empty(it)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.receive)
            await trio.testing.wait_all_tasks_blocked()
            it.put(chunks(0))  # handed to the waiting task, which has not had its turn yet
            it.put(chunks(1, 2))
        assert it.received == chunks(0, 1, 2)
        it.put(chunks(3))
        assert await it.turn.receive_all() == chunks(3)


async def test_a_cancelled_wait_loses_nothing() -> None:
    with opened() as it:
        await empty(it)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(it.receive)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert (it.received, scope.cancelled_caught) == ([], True)
        it.put(chunks(0, 1))
        assert await it.turn.receive_all() == chunks(0, 1)


@pytest.mark.parametrize("is_put_first", [True, False])
async def test_a_wait_that_is_cancelled_while_it_is_handed_something_loses_nothing(
    is_put_first: bool,
) -> None:
    with opened() as it:
        await empty(it)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(it.receive)
                await trio.testing.wait_all_tasks_blocked()
                if is_put_first:
                    it.put(chunks(0))
                    scope.cancel()
                    it.put(chunks(1))
                else:
                    scope.cancel()
                    it.put(chunks(0, 1))
        if not it.received:
            await it.receive()
        assert it.received == chunks(0, 1)


@given(st.lists(st.none() | st.integers(1, 5), max_size=20))
def test_whoever_is_quicker_each_message_comes_once_and_in_order(
    script: list[int | None],
) -> None:
    """A number is so many messages at once, None a pause in which the turn may receive."""
    wanted = chunks(*range(sum(count or 0 for count in script)))

    async def scenario() -> None:
        with opened(1_000_000) as it:
            await empty(it)
            said = 0

            async def receive_for_ever() -> None:
                while len(it.received) < len(wanted):
                    await it.receive()
                    await trio.lowlevel.checkpoint()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_for_ever)
                for count in script:
                    if count is None:
                        await trio.lowlevel.checkpoint()
                    else:
                        it.put(wanted[said : said + count])
                        said += count
            assert it.received == wanted

    trio.run(scenario)


# ---- its bound ----------------------------------------------------------------------------------


async def test_a_turn_takes_as_many_bytes_as_it_may_and_one_message_more_is_too_much() -> None:
    with opened(10 * (COST + 3)) as it:
        await empty(it)
        it.put(chunks(*range(10), text="你"))  # three bytes each
        assert not it.has_overflowed()
        it.put(chunks(10, text=""))
        assert it.has_overflowed()
        assert it.overflow.cancel_called
        it.put(chunks(11))
        assert await it.turn.receive_all() == chunks(*range(10), text="你")
    # Nobody may wait in vain: what was refused is acknowledged when the turn is over.
    assert it.bot.acknowledged == [(TURN, 10), (TURN, 11)]


async def test_what_was_taken_makes_room() -> None:
    with opened(3 * (COST + 1)) as it:
        await empty(it)
        for n in range(10):
            it.put(chunks(3 * n, 3 * n + 1, 3 * n + 2))
            assert await it.turn.receive_all() == chunks(3 * n, 3 * n + 1, 3 * n + 2)
        assert not it.has_overflowed()


async def test_one_message_alone_is_always_taken_however_long_it_is() -> None:
    with opened(1_000) as it:
        await empty(it)
        it.put(chunks(0, text="L" * 5_000))
        assert not it.has_overflowed()
        it.put(chunks(1, text=""))  # but nothing waits behind it
        assert it.has_overflowed()
        assert await it.turn.receive_all() == chunks(0, text="L" * 5_000)


async def test_one_summary_costs_nothing_and_a_second_one_what_it_says() -> None:
    long = StreamSummary(TURN, "L" * 5_000, 1, "0")
    with opened(1_000) as it:
        await empty(it)
        it.put([*chunks(0), long])
        assert not it.has_overflowed()
        it.put([long])
        assert it.has_overflowed()
        assert await it.turn.receive_all() == [*chunks(0), long]


async def test_what_nobody_looked_at_is_acknowledged_when_the_turn_is_over() -> None:
    with opened() as it:
        await empty(it)
        it.put([*chunks(4, 5), StreamChunk(TURN, "x"), StreamEnd(TURN)])
    assert it.bot.acknowledged == [(TURN, 4), (TURN, 5)]


# ---- acknowledgements ---------------------------------------------------------------------------


async def test_acknowledgements_are_written_at_once_when_no_turn_has_anything_to_read() -> None:
    other = evolve(COMMAND, metadata=evolve(COMMAND.metadata, session_id="other"))
    with opened() as it, it.bot.station.turn(other, overflow=it.overflow) as waiting:
        await empty(it)
        it.put(chunks(0))
        await it.receive()
        it.turn.acknowledge([0])
        assert it.bot.at_once == [True]
        it.put(chunks(1))
        waiting.put(StreamEnd("other"))  # its reader comes first
        await it.receive()
        it.turn.acknowledge([1])
        assert it.bot.at_once == [True, False]
        await waiting.receive_all()
        it.turn.acknowledge([1])
        assert it.bot.at_once == [True, False, True]
