"""A bound that many share: what the greedy get, and what is left for the next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.shares import Portion, Shares

MEBIBYTE = 1_048_576


def take_all(shares: Shares, owners: int, amount: int = 1) -> list[int]:
    """Everybody takes all he can get, in turns; what each has in the end."""
    portions = [shares.portion(owner) for owner in range(owners)]
    while sum(portion.take(amount) for portion in portions):
        pass
    return [portion.size for portion in portions]


@pytest.mark.parametrize(("owners", "each"), [(1, 2048), (2, 1365), (3, 1024), (7, 512)])
def test_the_greedy_leave_as_much_as_each_of_them_has(owners: int, each: int) -> None:
    shares = Shares(4096)
    assert all(abs(size - each) <= 1 for size in take_all(shares, owners))
    assert shares.allows("the next", each - owners)


@pytest.mark.parametrize(("owners", "each"), [(1, 750), (2, 428), (5, 187)])
def test_of_one_that_is_more_generous_the_greedy_leave_less(owners: int, each: int) -> None:
    shares = Shares(1_000, times=3)
    assert all(abs(size - each) <= 1 for size in take_all(shares, owners))
    assert shares.allows("the next", 1)


def test_what_is_released_is_there_again_and_nobody_is_remembered_for_nothing() -> None:
    shares = Shares(100)
    portion = shares.portion("a")
    assert portion.take(50)
    assert not portion.take(1)
    assert shares.of("a") == 50
    portion.release()
    portion.release()
    assert (shares.taken, shares.of("a"), shares._of) == (0, 0, {})
    assert portion.take(50)


@pytest.mark.parametrize(("owners", "each"), [(1, 48), (2, 36), (4, 24)])
def test_of_the_memory_one_alone_has_a_third_and_four_together_two(owners: int, each: int) -> None:
    taken = take_all(Shares.of_memory(), owners, MEBIBYTE // 4)
    assert all(abs(size / MEBIBYTE - each) <= 1 for size in taken)


def test_what_is_part_of_a_whole_has_to_be_allowed_by_both_and_comes_back_to_both() -> None:
    whole, first, second = Shares(100), Shares(80), Shares(1_000)
    first.whole = second.whole = whole
    some, more = first.portion("a"), second.portion("a")
    assert some.take(40)
    assert not some.take(1)  # of its own
    assert more.take(10)
    assert not more.take(1)  # of the whole
    assert second.portion("b").take(25)
    assert (whole.taken, whole.of("a"), whole.of("b")) == (75, 50, 25)
    some.give_back(10)
    some.release()
    more.release()
    assert (whole.taken, whole.of("a"), first.taken, second.taken) == (25, 0, 0, 25)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60)), max_size=100))
def test_no_more_than_the_bound_is_ever_taken_and_all_of_it_comes_back(
    taken: list[tuple[int, int]],
) -> None:
    shares = Shares(200)
    portions: list[Portion] = []
    for owner, amount in taken:
        portions.append(shares.portion(owner))
        if not portions[-1].take(amount):
            assert portions[-1].size == 0
        assert shares.taken == sum(portion.size for portion in portions) <= 200
        if amount % 3 == 0:
            portions.pop(0).release()
    for portion in portions:
        portion.release()
    assert (shares.taken, shares._of) == (0, {})
