"""Who goes next, where many wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.waiting_line import WaitingLine


def test_who_comes_in_hundreds_waits_in_a_line_of_his_own() -> None:
    line: WaitingLine[str] = WaitingLine()
    for number in range(300):
        line.add("crowd", f"crowd {number}")
    line.add("other", "other 0")
    line.add("other", "other 1")
    line.add("third", "third 0")
    order = [line.pop() for _ in range(6)]
    assert order == ["crowd 0", "other 0", "third 0", "crowd 1", "other 1", "crowd 2"]


def test_who_was_served_waits_behind_those_of_the_same_owner_who_were_not() -> None:
    line: WaitingLine[str] = WaitingLine()
    line.add("one", "again", was_served=True)
    line.add("one", "once more", was_served=True)
    line.add("one", "new")
    line.add("other", "other's again", was_served=True)
    order = [line.pop() for _ in range(line.size)]
    assert order == ["new", "other's again", "again", "once more"]
    with pytest.raises(KeyError):
        line.pop()


def test_who_may_not_yet_keeps_the_turn_for_later() -> None:
    line: WaitingLine[str] = WaitingLine()
    for item in ("one 0", "one 1", "other 0", "other 1", "third 0"):
        line.add(item.split()[0], item)
    assert line.pop_if(lambda owner: owner != "one") == ("other", "other 0")
    assert line.pop_if(lambda _: False) is None
    order = [line.pop_if(lambda _: True) for _ in range(line.size)]
    assert order == [(item.split()[0], item) for item in ("one 0", "third 0", "other 1", "one 1")]
    assert line.pop_if(lambda _: True) is None
    line.add(None, "nobody's")
    assert line.pop_if(lambda _: True) == (None, "nobody's")


def test_from_both_ends_who_comes_behind_a_crowd_of_his_own_is_soon_called_and_nobody_never() -> (
    None
):
    line: WaitingLine[str] = WaitingLine(from_both_ends=True)
    for number in range(5):
        line.add("one", f"crowd {number}")
        line.add("other", f"other {number}", was_served=True)
    line.add("one", "behind")
    order = [line.pop() for _ in range(line.size)]
    assert [name for name in order if "other" not in name] == [
        *("crowd 0", "behind", "crowd 1", "crowd 4", "crowd 2", "crowd 3")
    ]
    assert [name for name in order if "other" in name] == [
        *("other 0", "other 4", "other 1", "other 3", "other 2")
    ]


def test_who_leaves_is_not_called_and_takes_nobody_with_it() -> None:
    line: WaitingLine[str] = WaitingLine()
    for name in ("first", "second"):
        line.add("one", name)
    line.add("one", "again", was_served=True)
    line.discard("one", "first")
    line.discard("one", "again")
    assert [line.pop() for _ in range(line.size)] == ["second"]
    line.add("gone", "only one")
    line.discard("gone", "only one")
    assert line.size == 0


def test_who_has_most_in_the_line_is_known_and_can_take_his_newest_out() -> None:
    line: WaitingLine[str] = WaitingLine()
    for owner, name in (("a", "a1"), ("b", "b1"), ("b", "b2"), ("a", "a2"), ("b", "b3")):
        line.add(owner, name)
    assert (line.of("a"), line.of("b"), line.of("c")) == (2, 3, 0)
    assert line.find_greediest() == "b"
    assert line.pop_newest("b") == "b3"
    assert [line.pop() for _ in range(line.size)] == ["a1", "b1", "a2", "b2"]
    with pytest.raises(ValueError, match="empty"):
        line.find_greediest()


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 3), st.booleans()),  # whose, and whether it was served
        st.just("pop"),
        st.integers(0, 30),  # which of those who wait leaves
    ),
    max_size=80,
)


@given(ACTIONS)
def test_nobody_is_lost_called_twice_or_passed_by_a_later_one_like_himself(
    actions: list[object],
) -> None:
    line: WaitingLine[int] = WaitingLine()
    waiting: dict[int, tuple[int, bool]] = {}
    for number, action in enumerate(actions):
        match action:
            case (int(owner), bool(was_served)):
                line.add(owner, number, was_served=was_served)
                waiting[number] = (owner, was_served)
            case "pop" if waiting:
                called = line.pop()
                owner, was_served = waiting.pop(called)
                before = [each for each in waiting.items() if each[1][0] == owner]
                assert all(each[0] > called for each in before if each[1][1] == was_served)
                assert not was_served or all(each[1][1] for each in before)
            case int(which) if waiting:
                leaving = list(waiting)[which % len(waiting)]
                line.discard(waiting.pop(leaving)[0], leaving)
        assert line.size == len(waiting)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_between_two_of_one_owner_each_other_who_waits_is_called_once(sizes: list[int]) -> None:
    line: WaitingLine[tuple[int, int]] = WaitingLine()
    for owner, size in enumerate(sizes):
        for number in range(size):
            line.add(owner, (owner, number))
    order = [line.pop() for _ in range(line.size)]
    assert order == sorted(order, key=lambda each: (each[1], each[0]))
