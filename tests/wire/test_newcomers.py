"""The connections that have not shown a key: who makes room for whom."""

from __future__ import annotations

from eyeclaw_trio.wire.newcomers import NEWCOMERS, Newcomer, Newcomers


def enter(newcomers: Newcomers, name: str, ended: list[str]) -> Newcomer:
    newcomer = newcomers.enter()
    newcomer.ends_with(lambda: ended.append(name))
    return newcomer


def test_the_one_that_has_waited_longest_makes_room_for_the_next() -> None:
    ended: list[str] = []
    newcomers = Newcomers()
    for number in range(NEWCOMERS):
        enter(newcomers, str(number), ended)
    assert ended == []
    enter(newcomers, "next", ended)
    enter(newcomers, "after", ended)
    assert ended == ["0", "1"]
    assert (len(newcomers), newcomers.turned_out) == (NEWCOMERS, 2)


def test_who_has_shown_a_key_or_is_gone_needs_no_room_and_never_makes_any() -> None:
    ended: list[str] = []
    newcomers = Newcomers(limit=2)
    good = enter(newcomers, "good", ended)
    enter(newcomers, "silent", ended)
    good.vouch()
    enter(newcomers, "third", ended)
    assert ended == []
    good.vouch()  # once more is as good
    enter(newcomers, "fourth", ended)
    assert ended == ["silent"]


def test_who_cannot_be_ended_now_ends_as_soon_as_it_can() -> None:
    newcomers = Newcomers(limit=1)
    first = newcomers.enter()
    second = newcomers.enter()
    assert (first.is_unwanted, second.is_unwanted, len(newcomers)) == (True, False, 1)
    ended: list[str] = []
    first.ends_with(lambda: ended.append("first"))
    assert ended == ["first"]
