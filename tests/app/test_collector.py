"""Cycles are collected soon, and often."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from eyeclaw_trio.app.collector import EVERY, THRESHOLDS, collect_often


class Cycle:
    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


async def test_a_new_cycle_is_gone_after_a_moment(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_often)
        await trio.sleep(EVERY / 2)
        assert gc.get_threshold() == THRESHOLDS
        gone = [weakref.ref(Cycle()) for _ in range(3)]
        await trio.sleep(EVERY)
        assert [each() for each in gone] == [None] * 3
        nursery.cancel_scope.cancel()
