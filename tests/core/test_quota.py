"""How much of one answer may wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.quota import OWN, Quota
from eyeclaw_trio.core.shares import Shares

LIMIT = 100_000


def put(quota: Quota, amount: int) -> bool:
    is_first = quota.waiting == 0
    if quota.waiting + amount > quota.within and not quota.widen(amount, is_first=is_first):
        return False
    quota.waiting += amount
    return True


def test_its_own_is_not_counted_and_what_goes_beyond_it_is() -> None:
    shares = Shares(1_000_000)
    quota = Quota(LIMIT, shares, "key")
    assert put(quota, OWN)
    assert shares.taken == 0
    assert put(quota, 1)
    assert 1 <= shares.taken <= OWN
    assert put(quota, LIMIT - OWN - 1)
    assert not put(quota, 1)
    assert shares.taken == LIMIT - OWN


def test_the_first_may_be_longer_than_the_limit_and_nothing_behind_it() -> None:
    shares = Shares(1_000_000)
    quota = Quota(LIMIT, shares, "key")
    assert put(quota, 2 * LIMIT)
    assert not put(quota, 1)


@given(
    st.lists(
        st.one_of(st.integers(1, 60_000), st.just("take"), st.tuples(st.integers(1, 60_000))),
        max_size=60,
    )
)
def test_all_that_waits_and_all_that_is_on_its_way_is_counted_and_given_back(
    actions: list[object],
) -> None:
    shares = Shares(300_000)
    quota = Quota(LIMIT, shares, "key")
    on_its_way = 0
    for action in actions:
        match action:
            case int(amount):
                put(quota, amount)
            case (int(aside),):
                quota.take_aside(aside)
            case _:
                on_its_way = quota.waiting
                quota.waiting = 0
                if quota.is_counted:
                    quota.note_taken()
        assert quota.waiting <= quota.within
        assert shares.taken >= max(0, quota.waiting - OWN) + max(0, on_its_way - OWN)
    quota.release()
    assert shares.taken == 0
