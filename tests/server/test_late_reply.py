"""A reply whose reader may leave at any moment, without a turn around it, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field
from trio.testing import MockClock

from eyeclaw_trio.core.reply_events import ReplyEvent
from eyeclaw_trio.errors import BotSilent, HungUp, TurnFailed
from eyeclaw_trio.server.late_reply import LateReply


@define(eq=False)
class FakeReader:
    """Takes what is written after so many seconds, or has hung up."""

    takes: float = 0
    has_hung_up: bool = False
    got: list[str] = field(factory=list)

    async def _take(self, what: str) -> None:
        await trio.sleep(self.takes)
        if self.has_hung_up:
            raise HungUp
        self.got.append(what)

    async def open(self) -> None:
        await self._take("head")

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        if self.has_hung_up:
            raise HungUp
        self.got += [event for event in events if isinstance(event, str)]
        return True

    async def drain(self) -> None:
        await self._take("rest")

    async def finish(self) -> None:
        await self._take("ending")

    async def apologise(self, failure: TurnFailed) -> None:
        await self._take(failure.outcome)


@define(eq=False)
class Late:
    """A late reply, and what becomes of its answer."""

    reader: FakeReader = field(factory=FakeReader)
    is_wanted: bool = True
    asked: list[bool] = field(factory=list)
    delivered: list[str] = field(factory=list)
    left: int = 0
    reply: LateReply = field(init=False)

    def __attrs_post_init__(self) -> None:
        reader: Any = self.reader
        self.reply = LateReply(reader, self._may_go_on, self._deliver)

    def _may_go_on(self, is_whole: bool) -> bool:
        self.asked.append(is_whole)
        return self.is_wanted

    async def _deliver(self, text: str) -> None:
        await trio.lowlevel.checkpoint()
        self.delivered.append(text)

    def watch(self, nursery: trio.Nursery) -> None:
        def leave() -> None:
            self.left += 1

        with self.reply.monitor_hangup(nursery, leave):
            pass


async def leave_after(late: Late, seconds: float) -> None:
    await trio.sleep(seconds)
    late.reply.reader_left()


@pytest.mark.parametrize(("takes", "got"), [(0.9, ["湖光", "ending"]), (1.7, ["湖光"])])
async def test_who_hangs_up_while_the_ending_is_written_has_a_second_to_have_taken_it(
    takes: float, got: list[str], autojump_clock: MockClock
) -> None:
    late = Late(FakeReader(takes))
    late.reply.send_nowait(["湖光"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave_after, late, 0.5)
        await late.reply.finish()
        is_delivered = takes > 1.5
        assert trio.current_time() == (1.5 if is_delivered else takes)
    assert late.reader.got == got
    assert late.delivered == (["湖光"] if is_delivered else [])  # once, on one of the two ways
    assert late.asked == ([True] if is_delivered else [])


async def test_an_ending_that_nobody_took_and_that_is_not_wanted_otherwise_ends_the_turn(
    autojump_clock: MockClock,
) -> None:
    late = Late(FakeReader(9), is_wanted=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave_after, late, 0.5)
        with pytest.raises(HungUp):
            await late.reply.finish()
    assert (late.asked, late.delivered) == ([True], [])


async def test_who_leaves_behind_a_slow_write_gets_no_more_of_it_and_the_whole_later(
    autojump_clock: MockClock,
) -> None:
    late = Late(FakeReader(60))
    late.reply.send_nowait(["湖"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave_after, late, 0.5)
        await late.reply.drain()
        assert trio.current_time() == 0.5
    assert late.reply.send_nowait(["光"])
    late.reader.takes = 0
    await late.reply.finish()
    assert (late.reader.got, late.delivered) == (["湖"], ["湖光"])


@pytest.mark.parametrize("is_wanted", [False, True])
async def test_a_write_that_finds_nobody_goes_on_only_where_the_answer_is_wanted(
    is_wanted: bool,
) -> None:
    late = Late(FakeReader(has_hung_up=True), is_wanted)
    if is_wanted:
        assert late.reply.send_nowait(["湖光"])
        await late.reply.finish()
        assert late.delivered == ["湖光"]
    else:
        with pytest.raises(HungUp):
            late.reply.send_nowait(["湖光"])
        with pytest.raises(HungUp):
            await late.reply.finish()
        assert late.delivered == []


@pytest.mark.parametrize("is_early", [False, True])
async def test_where_nothing_is_wanted_later_the_turn_is_told_that_its_reader_has_left(
    is_early: bool,
) -> None:
    late = Late(is_wanted=False)
    async with trio.open_nursery() as nursery:
        if is_early:  # before the turn has begun to listen
            late.reply.reader_left()
            assert late.left == 0
        late.watch(nursery)
        if not is_early:
            late.reply.reader_left()
    assert late.left == 1


async def test_without_a_reader_nothing_is_written_and_no_apology_is_delivered() -> None:
    late = Late()
    await late.reply.open()
    late.reply.reader_left()
    late.reply.reader_left()  # a second word changes nothing
    assert late.reply.send_nowait(["湖"])
    await late.reply.drain()
    await late.reply.apologise(BotSilent())
    assert (late.reader.got, late.delivered, late.asked) == (["head"], [], [False])


async def test_who_is_let_go_waits_until_what_had_begun_is_written(
    autojump_clock: MockClock,
) -> None:
    late = Late(FakeReader(3))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(late.reply.drain)
        await trio.testing.wait_all_tasks_blocked()
        assert late.reply.let_go()
        assert not late.reply.let_go()
        await late.reply.wait_until_unattached()
        assert (trio.current_time(), late.reader.got) == (3, ["rest"])
