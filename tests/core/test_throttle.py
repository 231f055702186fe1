"""The brake on guessing keys: twenty failures a minute from one address, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.throttle import ADDRESSES, FAILURES, WINDOW, MalformedCount, Throttle


def fail(throttle: Throttle, times: int, now: float, address: str = "a") -> list[float]:
    return [throttle.note_failure(address, now) for _ in range(times)]


def test_twenty_failures_within_a_minute_are_forgiven_and_the_next_is_not() -> None:
    throttle = Throttle()
    assert (FAILURES, WINDOW) == (20, 60.0)
    assert fail(throttle, 20, 5.0) == [0.0] * 20
    assert throttle.note_failure("a", 5.0) == 60.0
    assert throttle.note_failure("a", 35.0) > 0


def test_a_minute_later_all_is_forgotten() -> None:
    throttle = Throttle()
    fail(throttle, 30, 0.0)
    assert throttle.note_failure("a", 59.9) > 0
    assert throttle.note_failure("b", 60.0) == 0.0
    fresh = Throttle()
    fail(fresh, 20, 0.0)
    assert fail(fresh, 20, 60.0) == [0.0] * 20


def test_the_minute_slides() -> None:
    throttle = Throttle()
    assert [throttle.note_failure("a", 3.0 * n) for n in range(100)] == [0.0] * 100
    faster = Throttle()
    assert any(faster.note_failure("a", 2.9 * n) > 0 for n in range(100))


def test_one_address_does_not_brake_another() -> None:
    throttle = Throttle()
    fail(throttle, 50, 0.0, "a")
    assert fail(throttle, 20, 0.0, "b") == [0.0] * 20


@given(st.lists(st.integers(0, 40), min_size=21, max_size=60))
def test_who_waits_as_long_as_told_may_try_again(gaps: list[int]) -> None:
    throttle = Throttle()
    now = 0.0
    for gap in gaps:
        now += gap / 8
        wait = throttle.note_failure("a", now)
        if wait:
            assert 0 < wait <= WINDOW
            now += wait
            assert throttle.note_failure("a", now) == 0.0


@given(st.lists(st.integers(0, 80), max_size=120))
def test_it_counts_like_a_list_of_all_failures_would(gaps: list[int]) -> None:
    throttle = Throttle()
    seen: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap / 8
        seen.append(now)
        recent = [at for at in seen if at > now - 60.0]
        assert (throttle.note_failure("a", now) > 0) == (len(recent) > 20)


def test_a_flood_of_addresses_fills_no_memory_and_forgets_the_oldest_first() -> None:
    throttle = Throttle()
    fail(throttle, 20, 0.0, "old")
    fail(throttle, 20, 0.0, "kept")
    for n in range(ADDRESSES - 1):
        throttle.note_failure(f"10.{n}", 1.0)
        if n == 0:
            assert throttle.note_failure("kept", 1.0) > 0
    assert len(throttle._failures) == ADDRESSES
    assert throttle.note_failure("kept", 2.0) > 0
    assert throttle.note_failure("old", 2.0) == 0.0
    assert len(throttle._failures) == ADDRESSES


@pytest.mark.parametrize("count", [1_000])
def test_one_address_that_never_stops_fills_no_memory(count: int) -> None:
    throttle = Throttle()
    fail(throttle, count, 0.0)
    assert len(throttle._failures["a"]) <= FAILURES + 1


def test_twenty_malformed_frames_are_too_many_within_ten_seconds_only() -> None:
    hasty, slow = MalformedCount(), MalformedCount()
    assert [hasty.note(n * 0.5) for n in range(20)] == [False] * 19 + [True]
    assert not any(slow.note(n * 0.55) for n in range(100))
