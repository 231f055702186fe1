"""Whose picture is opened next, where few are opened at once."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from eyeclaw_trio.photos.turns import Turns


class Crowd:
    """Owners, each of whom holds his place until he is told to go."""

    def __init__(self, turns: Turns, nursery: trio.Nursery) -> None:
        self.there: list[str] = []
        self.order: list[str] = []
        self._turns, self._nursery = turns, nursery
        self._leave: dict[str, trio.Event] = {}

    async def come(self, *names: str) -> None:
        """Whose they are is in their first letter."""
        for name in names:
            self._leave[name] = trio.Event()
            self._nursery.start_soon(self._stay, name)
            await trio.testing.wait_all_tasks_blocked()

    async def go(self, name: str) -> None:
        self._leave[name].set()
        await trio.testing.wait_all_tasks_blocked()

    async def _stay(self, name: str) -> None:
        async with self._turns.one(name[0]):
            self.there.append(name)
            self.order.append(name)
            await self._leave[name].wait()
        self.there.remove(name)


async def test_who_is_alone_leaves_one_place_and_the_next_owner_has_it_at_once() -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Turns.of(3), nursery)
        await crowd.come("a1", "a2", "a3", "a4")
        assert crowd.there == ["a1", "a2"]
        await crowd.come("b1", "b2")
        assert crowd.there == ["a1", "a2", "b1"]
        nursery.cancel_scope.cancel()


async def test_owners_who_wait_have_their_turns_however_many_one_of_them_sends() -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Turns.of(3), nursery)
        await crowd.come("a1", "a2", "a3", "a4", "b1", "b2", "c1")
        for name in ("a1", "b1", "a2", "b2"):
            await crowd.go(name)
            crowd.order.append("|")
        assert crowd.order == ["a1", "a2", "b1", "a3", "|", "b2", "|", "c1", "|", "a4", "|"]
        nursery.cancel_scope.cancel()


async def test_who_is_cancelled_in_the_line_or_at_his_place_keeps_nobody_waiting() -> None:
    turns = Turns.of(2)
    async with trio.open_nursery() as nursery:
        crowd = Crowd(turns, nursery)
        await crowd.come("a1")
        with trio.move_on_after(0.01):
            async with turns.one("a"):
                pytest.fail("one place is left to others")
        await crowd.come("a2")
        await crowd.go("a1")
        assert crowd.there == ["a2"]
        nursery.cancel_scope.cancel()
    async with turns.one("a"), turns.one("b"):
        pass
    with trio.CancelScope() as scope:
        scope.cancel()
        async with turns.one("a"):
            pytest.fail("it was cancelled")
    assert scope.cancelled_caught


async def test_a_turn_gives_way_to_others_also_where_nobody_waits() -> None:
    with trio.testing.assert_checkpoints():
        async with Turns.of(2).one("a"):
            pass
