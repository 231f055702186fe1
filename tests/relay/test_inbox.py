"""The channel between a bot and its turn: batches, in order, bounded in bytes, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
import trio
import trio.testing
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.quota import OWN, Quota
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.core.turn_messages import LinkLost, TurnMessage
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary
from eyeclaw_trio.relay.inbox import Inbox, Unread

TURN = "turn"
# What counts for a message beside its text (bytes).
COST = 200


def chunks(*sequences: int, text: str = "x") -> list[StreamChunk]:
    return [StreamChunk(TURN, text, sequence) for sequence in sequences]


@define(eq=False)
class Opened:
    """An inbox, and what its turn has received from it."""

    inbox: Inbox
    overflow: trio.CancelScope
    unread: Unread
    received: list[TurnMessage] = field(factory=list)

    def put(self, messages: Sequence[TurnMessage], at: float = 0.0) -> None:
        for message in messages:
            self.inbox.send_nowait(message, at)

    def has_overflowed(self) -> bool:
        return self.inbox.overflowed

    async def receive(self) -> None:
        self.received += await self.inbox.receive()


@contextmanager
def opened(limit: int = 10_000, shares: Shares | None = None) -> Iterator[Opened]:
    overflow, unread = trio.CancelScope(), Unread()
    shares = shares or Shares(1_000_000)
    before = shares.of("key")
    inbox = Inbox(Quota(limit, shares, "key"), overflow, unread)
    with trio.fail_after(5):
        yield Opened(inbox, overflow, unread)
    with suppress(trio.ClosedResourceError):  # the test has closed it
        inbox.close()
    assert unread.inboxes == 0
    assert shares.of("key") == before


# ---- order, and that nothing is lost ------------------------------------------------------------


async def test_what_waits_is_taken_in_one_go_and_in_order() -> None:
    with opened() as it:
        it.put(chunks(2, 0, 1))
        assert await it.inbox.receive() == chunks(2, 0, 1)
        it.put([*chunks(3), StreamEnd(TURN)])
        assert await it.inbox.receive() == [*chunks(3), StreamEnd(TURN)]


async def test_what_is_there_is_taken_though_the_time_to_wait_is_over() -> None:
    with opened() as it:
        it.put(chunks(0))
        with trio.CancelScope() as scope:
            scope.cancel()
            await it.receive()
        assert it.received == chunks(0)


async def test_what_comes_between_the_hand_over_and_the_wake_up_comes_with_it() -> None:
    with opened() as it:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.receive)
            await trio.testing.wait_all_tasks_blocked()
            it.put(chunks(0))  # handed to the waiting task, which has not had its turn yet
            it.put(chunks(1, 2))
        assert it.received == chunks(0, 1, 2)
        it.put(chunks(3))
        assert await it.inbox.receive() == chunks(3)


async def test_a_cancelled_wait_loses_nothing() -> None:
    with opened() as it:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(it.receive)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert (it.received, scope.cancelled_caught) == ([], True)
        it.put(chunks(0, 1))
        assert await it.inbox.receive() == chunks(0, 1)


@pytest.mark.parametrize("is_put_first", [True, False])
async def test_a_wait_that_is_cancelled_while_it_is_handed_something_loses_nothing(
    is_put_first: bool,
) -> None:
    with opened() as it:
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
        it.put(chunks(*range(10), text="你"))  # three bytes each
        assert not it.has_overflowed()
        it.put(chunks(10, text=""))
        assert it.has_overflowed()
        assert it.overflow.cancel_called
        it.put(chunks(11))
        assert await it.inbox.receive() == chunks(*range(10), text="你")
        # Nobody may wait in vain: what was refused can be acknowledged when the turn is over.
        assert it.inbox.close() == [10, 11]


async def test_what_was_taken_makes_room() -> None:
    with opened(3 * (COST + 1)) as it:
        for n in range(10):
            it.put(chunks(3 * n, 3 * n + 1, 3 * n + 2))
            assert await it.inbox.receive() == chunks(3 * n, 3 * n + 1, 3 * n + 2)
        assert not it.has_overflowed()


async def test_one_message_alone_is_always_taken_however_long_it_is() -> None:
    with opened(1_000) as it:
        it.put(chunks(0, text="L" * 5_000))
        assert not it.has_overflowed()
        it.put(chunks(1, text=""))  # but nothing waits behind it
        assert it.has_overflowed()
        assert await it.inbox.receive() == chunks(0, text="L" * 5_000)


async def test_one_summary_costs_nothing_and_a_second_one_what_it_says() -> None:
    long = StreamSummary(TURN, "L" * 5_000, 1, "0")
    with opened(1_000) as it:
        it.put([*chunks(0), long])
        assert not it.has_overflowed()
        it.put([long])
        assert it.has_overflowed()
        assert await it.inbox.receive() == [*chunks(0), long]


async def test_whoever_closes_it_is_told_which_chunks_were_never_looked_at() -> None:
    with opened(3 * (COST + 1)) as it:
        it.put([*chunks(4, 5), StreamChunk(TURN, "x"), StreamEnd(TURN), *chunks(6)])
        assert it.has_overflowed()
        assert sorted(it.inbox.close()) == [4, 5, 6]


async def test_errors_count_with_what_they_say() -> None:
    with opened(1_000) as it:
        it.put([*chunks(0), StreamError(TURN, "x" * 1_000)])
        assert it.has_overflowed()


# ---- what shows of it ---------------------------------------------------------------------------


async def test_it_is_unread_from_the_first_message_until_all_is_taken() -> None:
    with opened() as it:
        assert it.unread.inboxes == 0
        it.put(chunks(0, 1))
        assert it.unread.inboxes == 1
        await it.receive()
        assert it.unread.inboxes == 0
        it.put([LinkLost()])
        assert it.unread.inboxes == 1


async def test_it_knows_since_when_the_first_of_a_batch_had_waited() -> None:
    with opened() as it:
        it.put(chunks(0), at=3.0)
        it.put(chunks(1), at=4.0)
        await it.receive()
        assert it.inbox.waiting_since == 3.0
        it.put(chunks(2), at=7.0)
        await it.receive()
        assert it.inbox.waiting_since == 7.0


async def test_what_is_there_can_be_taken_without_a_wait() -> None:
    with opened() as it:
        assert it.inbox.receive_nowait() == []
        it.put(chunks(0, 1))
        assert it.inbox.receive_nowait() == chunks(0, 1)
        assert it.inbox.receive_nowait() == []


# ---- the memory that all share ------------------------------------------------------------------


async def test_what_waits_beyond_its_own_is_counted_for_whoever_asked_until_the_next_is_taken() -> (
    None
):
    shares = Shares(1_000_000)
    with opened(100_000, shares) as it:
        it.put(chunks(0, text="x" * (OWN - COST)))
        assert shares.of("key") == 0
        it.put(chunks(1))
        assert shares.of("key") >= COST
        await it.receive()
        assert shares.of("key") >= COST  # it may still be on its way out
        it.put(chunks(2))
        await it.receive()
        assert shares.of("key") == 0


async def test_who_has_no_more_of_it_is_cut_off_and_another_is_not() -> None:
    shares = Shares(100_000)
    full, other = shares.portion("key"), shares.portion("other")
    assert full.take(50_000)
    with opened(100_000, shares) as it:
        it.put(chunks(0, text="x" * OWN))
        assert it.has_overflowed()
        assert it.overflow.cancel_called
    assert other.take(20_000)


async def test_a_long_summary_is_counted_as_well() -> None:
    shares = Shares(100_000)
    with opened(100_000, shares) as it:
        it.put([StreamSummary(TURN, "x" * 40_000, None, None)])
        assert shares.of("key") == 40_000
        await it.receive()
        it.put([StreamEnd(TURN)])
        await it.receive()
        assert shares.of("key") == 0
    with opened(100_000, shares) as it:
        it.put([StreamSummary(TURN, "x" * 120_000, None, None)])
        assert it.has_overflowed()
