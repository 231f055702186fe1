"""Delays before the next attempt: 1, 2, 4 … 30 s, each up to a quarter more or less."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.backoff import backoff

_PLAIN = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_in_the_middle_of_the_spread_the_delays_double_up_to_thirty_seconds() -> None:
    assert list(islice(backoff(lambda: 0.5), 8)) == _PLAIN


def test_the_spread_is_a_quarter_either_way() -> None:
    assert list(islice(backoff(lambda: 0.0), 8)) == [0.75 * delay for delay in _PLAIN]
    assert max(islice(backoff(lambda: 1.0), 50)) == 37.5


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=30, max_size=30))
def test_every_delay_is_within_a_quarter_of_its_plain_value(numbers: list[float]) -> None:
    numbers_left = iter(numbers)
    delays = list(islice(backoff(lambda: next(numbers_left)), 30))
    plain = _PLAIN + [30.0] * 22
    for delay, middle in zip(delays, plain, strict=True):
        assert 0.75 * middle <= delay <= 1.25 * middle


def test_two_thousand_bots_do_not_come_back_in_the_same_instant() -> None:
    numbers = iter(range(2_000))
    firsts = {next(backoff(lambda: next(numbers) / 2_000)) for _ in range(2_000)}
    assert len(firsts) == 2_000


def test_each_series_starts_over_by_itself() -> None:
    used = backoff(lambda: 0.5)
    assert list(islice(used, 3)) == [1.0, 2.0, 4.0]
    assert next(backoff(lambda: 0.5)) == 1.0
    assert next(used) == 8.0
