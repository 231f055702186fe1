"""Whoever reads what a command prints may go: `eyeclaw chat --json | head`."""

from __future__ import annotations

import errno

import pytest

from eyeclaw_trio.cli.failures import explained
from eyeclaw_trio.errors import EyeclawError


def test_a_reader_that_has_gone_is_what_click_ends_quietly_for_in_a_nursery_too() -> None:
    gone = BrokenPipeError(errno.EPIPE, "Broken pipe")
    nested = ExceptionGroup("nursery", [ExceptionGroup("inner", [gone])])
    for error in (gone, nested):
        with pytest.raises(BrokenPipeError), explained():
            raise error


def test_beside_a_bug_the_bug_is_seen() -> None:
    gone = BrokenPipeError(errno.EPIPE, "Broken pipe")
    with pytest.raises(ExceptionGroup), explained():
        raise ExceptionGroup("nursery", [gone, ZeroDivisionError()])
    with pytest.raises(ExceptionGroup), explained():
        raise ExceptionGroup("nursery", [gone, EyeclawError("x"), ZeroDivisionError()])
