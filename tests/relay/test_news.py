"""Those who wait for the same news hear it some at a time."""

from __future__ import annotations

import trio
import trio.testing
from passes import Passes

from eyeclaw_trio.relay.news import AT_A_TIME, News

CROWD = 10 * AT_A_TIME


async def test_all_who_wait_hear_it_in_their_order_and_some_in_each_pass() -> None:
    news, passes, heard = News(), Passes(), list[int]()

    async def hear(number: int) -> None:
        await news.wait()
        passes.count += 1
        heard.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(CROWD):
            nursery.start_soon(hear, number)
            await trio.testing.wait_all_tasks_blocked()
        with passes.counted():
            news.tell()
            await trio.testing.wait_all_tasks_blocked()
    assert sorted(heard) == list(range(CROWD))
    assert all(abs(place - number) < AT_A_TIME for place, number in enumerate(heard))
    assert passes.most <= AT_A_TIME


async def test_who_waits_again_hears_the_next_news_and_nothing_is_told_without_any() -> None:
    news, heard = News(), list[int]()

    async def hear_again_and_again(number: int) -> None:
        while True:
            await news.wait()
            heard.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(CROWD):
            nursery.start_soon(hear_again_and_again, number)
        await trio.testing.wait_all_tasks_blocked()
        for times in (1, 2, 3):
            news.tell()
            await trio.testing.wait_all_tasks_blocked()
            assert sorted(heard) == sorted([*range(CROWD)] * times)
        nursery.cancel_scope.cancel()


async def test_news_that_comes_while_others_still_hear_the_last_is_kept_from_nobody() -> None:
    news, passes = News(), Passes()
    entries = 0
    seen = [0] * CROWD

    async def follow(number: int) -> None:
        while seen[number] < 50:
            while seen[number] == entries:
                await news.wait()
                passes.count += 1
            seen[number] = entries

    async with trio.open_nursery() as nursery:
        for number in range(CROWD):
            nursery.start_soon(follow, number)
        await trio.testing.wait_all_tasks_blocked()
        with passes.counted():
            for _ in range(50):
                entries += 1
                news.tell()
                await trio.lowlevel.checkpoint()
            with trio.fail_after(5):
                await trio.testing.wait_all_tasks_blocked()
    assert seen == [50] * CROWD
    assert passes.most <= AT_A_TIME


async def test_who_is_cancelled_before_or_while_it_is_told_keeps_it_from_nobody_else() -> None:
    news, heard = News(), list[int]()
    scopes = [trio.CancelScope() for _ in range(CROWD)]

    async def hear(number: int) -> None:
        with scopes[number]:
            await news.wait()
            heard.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(CROWD):
            nursery.start_soon(hear, number)
            await trio.testing.wait_all_tasks_blocked()
        for number in range(0, CROWD, 3):
            scopes[number].cancel()
        news.tell()
        await trio.lowlevel.checkpoint()
        for number in range(1, CROWD, 3):
            scopes[number].cancel()
        with trio.fail_after(5):
            await trio.testing.wait_all_tasks_blocked()
    assert set(heard) >= set(range(2, CROWD, 3))
