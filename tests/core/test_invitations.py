"""Texts that are fetched once."""

from __future__ import annotations

from eyeclaw_trio.core.invitations import LIFETIME, MOST, Invitations


def test_a_text_is_given_to_the_first_who_knows_its_code_and_to_nobody_after() -> None:
    invitations = Invitations()
    invitations.put("code", "words", 100.0)
    assert invitations.take("Code", 101.0) is None
    assert invitations.take("code", 101.0) == "words"
    assert invitations.take("code", 101.0) is None


def test_a_text_waits_for_its_time_and_no_longer() -> None:
    invitations = Invitations()
    invitations.put("early", "words", 100.0)
    invitations.put("late", "words", 101.0)
    assert invitations.take("early", 100.0 + LIFETIME) is None
    assert invitations.take("late", 100.0 + LIFETIME) == "words"


def test_so_many_may_wait_and_the_oldest_makes_room() -> None:
    invitations = Invitations()
    for number in range(MOST + 1):
        invitations.put(str(number), "words", 100.0)
    assert invitations.take("0", 101.0) is None
    assert all(invitations.take(str(number), 101.0) for number in range(1, MOST + 1))
    assert invitations.take("\ud800", 101.0) is None
