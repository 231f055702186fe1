"""Walking through what led to an exception."""

from __future__ import annotations

import pytest

from eyeclaw_trio.causes import causes, leaves, root_words
from eyeclaw_trio.errors import ConfigurationError


def led_to(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def test_the_leaves_of_a_group_are_what_it_holds_at_any_depth() -> None:
    one, two, three = ValueError("1"), KeyboardInterrupt(), OSError("3")
    group = BaseExceptionGroup("", [one, BaseExceptionGroup("", [two, three])])
    assert list(leaves(group)) == [one, two, three]
    assert list(leaves(one)) == [one]


def test_causes_come_outermost_first_and_through_groups() -> None:
    first, second = OSError("refused"), OSError("unreachable")
    group = ExceptionGroup("all attempts failed", [first, second])
    outer = led_to(RuntimeError("outer"), led_to(OSError("all"), group))
    assert list(causes(outer)) == [outer, outer.__cause__, group, first, second]
    assert root_words(outer) == "unreachable"


def test_a_ring_of_causes_has_an_end() -> None:
    one, two = ValueError("one"), ValueError("two")
    led_to(one, two)
    led_to(two, one)
    assert list(causes(one)) == [one, two]


def test_where_nobody_has_words_there_are_none() -> None:
    assert root_words(led_to(ValueError(), OSError())) == ""


@pytest.mark.parametrize(
    ("key", "source", "words"),
    [
        ("admin_listen", "--admin-listen", "--admin-listen: is wrong"),
        ("listen", "env EYECLAW_LISTEN", "env EYECLAW_LISTEN: listen: is wrong"),
        ("server", None, "server: is wrong"),
        (None, "--config", "--config: is wrong"),
    ],
)
def test_a_setting_is_named_once(key: str | None, source: str | None, words: str) -> None:
    assert str(ConfigurationError("is wrong", key=key, source=source)) == words
