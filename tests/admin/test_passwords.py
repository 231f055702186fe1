"""What is kept of a password."""

from __future__ import annotations

import pytest

from eyeclaw_trio.admin.passwords import fault_of_password, hash_password, is_password


def test_a_password_is_known_again_and_no_other() -> None:
    kept = hash_password("correct horse 电池")
    assert is_password("correct horse 电池", kept)
    assert not is_password("correct horse", kept)
    assert not is_password("", kept)
    assert not is_password("x" * 100_000, kept)
    assert "horse" not in kept
    assert hash_password("correct horse 电池") != kept


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "secret",
        "scrypt$15$8$3$!$!",
        "scrypt$x$8$3$AAAA$AAAA",
        "scrypt$30$8$3$AAAA$AAAA",
        "scrypt$15$8$999999999$AAAA$AAAA",
        "scrypt$15$999999999$3$AAAA$AAAA",
        "scrypt$0$8$3$AAAA$AAAA",
        "scrypt$-1$8$3$AAAA$AAAA",
        "md5$15$8$3$AAAA$AAAA",
        "scrypt$15$8$3$AAAA$",
    ],
)
def test_nothing_is_the_password_of_what_somebody_else_wrote(kept: str) -> None:
    assert not is_password("", kept)
    assert not is_password("password", kept)


def test_a_new_password_is_neither_too_short_nor_too_long() -> None:
    assert fault_of_password("1234567") == "the password is too short: at least 8 characters"
    assert fault_of_password("12345678") is None
    assert fault_of_password("é" * 1_024) is None
    assert fault_of_password("x" * 1_025) == "the password is too long: at most 1024 characters"
