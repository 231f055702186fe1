"""The budget of parsers: what is their own, what is shared, and who goes on when."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from eyeclaw_trio.wire.budget import ITEMS, OWN_ITEMS, OWN_SIZE, SIZE, Allowance, Budget


async def parse(allowance: Allowance, pieces: int) -> None:
    for _ in range(pieces):
        if not allowance.spend():
            await allowance.renew()


async def test_an_ordinary_message_never_waits_though_others_have_spent_everything() -> None:
    budget = Budget()
    while budget.spend():
        pass
    allowance = Allowance(budget)
    with trio.testing.assert_no_checkpoints():
        await parse(allowance, OWN_ITEMS)
    assert not allowance.spend()
    allowance.restart()
    assert allowance.spend(1, OWN_SIZE)
    assert not allowance.spend(0, 1)


async def test_what_goes_beyond_it_is_counted_in_pieces_and_in_bytes() -> None:
    budget = Budget()
    assert all(budget.spend() for _ in range(ITEMS - 1))
    assert not budget.spend()
    await budget.renew()
    assert budget.spend(1, SIZE - 1)
    assert not budget.spend(1, 1)
    budget.refill()
    assert budget.spend()


@pytest.mark.parametrize("parsers", [1, 2, 50])
async def test_between_two_passes_of_the_loop_all_parsers_together_get_one_share(
    parsers: int,
) -> None:
    budget = Budget()
    parsed = 0
    most = 0
    is_over = False

    async def parse_much() -> None:
        nonlocal parsed
        allowance = Allowance(budget)
        for _ in range(OWN_ITEMS + 3 * ITEMS):
            is_left = allowance.spend()
            parsed += 1
            if not is_left:
                await allowance.renew()

    async def look() -> None:
        nonlocal most
        before = parsed
        while not is_over:
            await trio.lowlevel.checkpoint()
            most = max(most, parsed - before)
            before = parsed

    async with trio.open_nursery() as outer:
        outer.start_soon(look)
        async with trio.open_nursery() as nursery:
            for _ in range(parsers):
                nursery.start_soon(parse_much)
        is_over = True
    assert parsed == parsers * (OWN_ITEMS + 3 * ITEMS)
    # The first pass has everybody's own in it, and one piece of each that finds nothing left.
    assert most <= ITEMS + parsers * (OWN_ITEMS + 1)


async def test_who_comes_first_goes_on_first() -> None:
    budget = Budget()
    order: list[int] = []

    async def renew(number: int) -> None:
        for _ in range(number):
            await trio.lowlevel.checkpoint()
        await budget.renew()
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(renew, number)
    assert order == [0, 1, 2, 3, 4]


async def test_who_is_cancelled_while_it_waits_keeps_nobody_from_going_on() -> None:
    budget = Budget()
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def wait() -> None:
            with scope:
                await budget.renew()

        nursery.start_soon(budget.renew)
        nursery.start_soon(wait)
        nursery.start_soon(budget.renew)
        scope.cancel()
    assert budget.spend()
