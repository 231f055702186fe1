"""The wheel in virtual time: everybody on it is beaten every three seconds, and not all at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from itertools import pairwise

import pytest
import trio
import trio.testing
from attrs import define, field
from passes import Passes
from structlog.testing import capture_logs
from trio.testing import MockClock

from eyeclaw_trio.wire import ping_wheel
from eyeclaw_trio.wire.ping_wheel import LATE, PING_EVERY, SLOTS, PingWheel

# One place on the wheel further (seconds).
STEP = PING_EVERY / SLOTS


@define(eq=False)
class Link:
    """Remembers when it was beaten, and which times were late."""

    beats: list[float] = field(factory=list)
    late: list[float] = field(factory=list)
    has_bug: bool = False
    is_aborted: bool = False

    def abort(self) -> None:
        self.is_aborted = True

    def beat(self, now: float, *, is_late: bool) -> None:
        assert now == trio.current_time()
        if self.has_bug:
            raise LookupError
        self.beats.append(now)
        if is_late:
            self.late.append(now)


@asynccontextmanager
async def running(wheel: PingWheel) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wheel.run)
        yield
        nursery.cancel_scope.cancel()


async def test_each_link_is_beaten_every_three_seconds(autojump_clock: MockClock) -> None:
    wheel = PingWheel()
    links = [Link() for _ in range(50)]
    async with running(wheel):
        with ExitStack() as places:
            for link in links:
                places.enter_context(wheel.turning(link))
            await trio.sleep(30)
    for link in links:
        assert 0 < link.beats[0] <= PING_EVERY + STEP
        pauses = [b - a for a, b in pairwise(link.beats)]
        assert len(pauses) >= 8
        assert pauses == pytest.approx([PING_EVERY] * len(pauses))
        assert link.late == []


async def test_a_bug_in_one_beat_ends_that_link_and_no_other(autojump_clock: MockClock) -> None:
    wheel = PingWheel()
    broken, whole = Link(has_bug=True), Link()
    async with running(wheel):
        with wheel.turning(broken), wheel.turning(whole), capture_logs() as logs:
            await trio.sleep(10)
    assert broken.is_aborted
    assert len(whole.beats) >= 3
    assert {line["event"] for line in logs} == {"socket.bug"}


async def test_many_links_are_spread_over_the_whole_round(autojump_clock: MockClock) -> None:
    wheel = PingWheel()
    links = [Link() for _ in range(SLOTS * 20)]
    async with running(wheel):
        with ExitStack() as places:
            for link in links:
                places.enter_context(wheel.turning(link))
            await trio.sleep(PING_EVERY)
    at_once: dict[float, int] = {}
    for link in links:
        at_once[link.beats[0]] = at_once.get(link.beats[0], 0) + 1
    assert len(at_once) == SLOTS
    # The emptier of two places at random: no place has far more than its 20.
    assert max(at_once.values()) <= 30


async def test_who_comes_later_and_who_leaves_does_not_move_the_others(
    autojump_clock: MockClock,
) -> None:
    wheel = PingWheel()
    first, second = Link(), Link()
    async with running(wheel):
        with wheel.turning(first):
            await trio.sleep(7)
            with wheel.turning(second):
                await trio.sleep(7)
            count = len(second.beats)
            await trio.sleep(7)
    assert count in (2, 3)
    assert len(second.beats) == count
    assert first.beats == pytest.approx([first.beats[0] + PING_EVERY * n for n in range(7)])


async def test_an_empty_wheel_stands_still_and_turns_again(autojump_clock: MockClock) -> None:
    wheel = PingWheel()
    link = Link()
    async with running(wheel):
        with wheel.turning(link):
            await trio.sleep(PING_EVERY + STEP)
        await trio.sleep(2 * PING_EVERY)  # it ends the round that it has begun
        with trio.CancelScope() as scope:
            # Nothing is scheduled any more: nobody's time runs out.
            assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
            scope.cancel()
        await trio.sleep(1_000)
        beaten = len(link.beats)
        with wheel.turning(link):
            began = trio.current_time()
            await trio.sleep(PING_EVERY + STEP)
        assert len(link.beats) > beaten
        assert began < link.beats[beaten] <= began + PING_EVERY + STEP
    assert link.late == []


def test_after_a_pause_of_ours_each_link_is_beaten_once_and_not_for_what_was_missed() -> None:
    clock = MockClock()
    wheel = PingWheel()
    links = [Link() for _ in range(SLOTS * 10)]  # some in every place

    async def scenario() -> None:
        async with running(wheel):
            with ExitStack() as places:
                for link in links:
                    places.enter_context(wheel.turning(link))
                await trio.testing.wait_all_tasks_blocked()
                clock.jump(60.0)  # the process was stopped, or the machine asleep
                await trio.testing.wait_all_tasks_blocked()
                beaten = [link for link in links if link.beats]
                # One place, however many seconds went by; its links are told that it was late.
                assert beaten
                assert all(link.beats == link.late == [60.0] for link in beaten)
                assert len(beaten) <= 30
                clock.autojump_threshold = 0
                await trio.sleep(PING_EVERY)
        assert all(link.beats for link in links)
        assert all(len(link.late) <= 1 for link in links)

    trio.run(scenario, clock=clock)


def test_a_small_delay_is_made_up_for() -> None:
    clock = MockClock()
    wheel = PingWheel()
    links = [Link() for _ in range(SLOTS * 10)]  # some in every place

    async def scenario() -> None:
        async with running(wheel):
            with ExitStack() as places:
                for link in links:
                    places.enter_context(wheel.turning(link))
                await trio.testing.wait_all_tasks_blocked()
                clock.jump(LATE / 2)
                await trio.testing.wait_all_tasks_blocked()
                # All places that went by, a sixth of the wheel.
                beaten = sum(len(link.beats) for link in links)
                assert beaten == pytest.approx(len(links) * LATE / 2 / PING_EVERY, rel=0.3)
                assert all(link.late == [] for link in links)

    trio.run(scenario, clock=clock)


async def test_whoever_is_in_one_slot_is_beaten_some_at_a_time(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All may be those of one peer, and what becomes of them is work."""
    monkeypatch.setattr(ping_wheel, "SLOTS", 2)
    wheel, passes = PingWheel(), Passes()

    @define(eq=False)
    class Counted(Link):
        def beat(self, now: float, *, is_late: bool) -> None:
            passes.count += 1

    async with running(wheel):
        with ExitStack() as places, passes.counted():
            for _ in range(200):
                places.enter_context(wheel.turning(Counted()))
            await trio.sleep(2 * PING_EVERY)
    assert passes.all >= 200
    assert passes.most <= ping_wheel.AT_A_TIME
