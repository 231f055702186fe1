"""Whom to forget where too much is remembered."""

from __future__ import annotations

import pytest

from eyeclaw_trio.core.greediest import find_oldest_of_greediest


@pytest.mark.parametrize(
    ("kept", "oldest"),
    [("a1", "a1"), ("a1 b1 b2 c1", "b1"), ("a1 b1 a2 b2", "a1"), ("c1 b1 a1 a2 c2 a3", "a1")],
)
def test_of_whoever_has_most_the_oldest_is_forgotten(kept: str, oldest: str) -> None:
    assert find_oldest_of_greediest(kept.split(), lambda each: each[0]) == oldest


def test_of_what_the_greediest_has_the_greediest_within_it_loses_first() -> None:
    kept = ["a.me", "b.1", "a.crowd1", "a.crowd2", "b.2", "a.you", "a.crowd3"]
    owners = (lambda each: each[0], lambda each: each[2:].rstrip("123"))
    assert find_oldest_of_greediest(kept, owners[0]) == "a.me"
    assert find_oldest_of_greediest(kept, *owners) == "a.crowd1"


def test_of_nothing_there_is_no_oldest() -> None:
    with pytest.raises(ValueError, match="unpack"):
        find_oldest_of_greediest([], len)
