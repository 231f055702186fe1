"""What a piece of work takes of the loop, its waits left out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


@coroutine
def metered(
    work: Coroutine[Any, Any, T], now: Callable[[], float], note: Callable[[float], None]
) -> Generator[Any, Any, T]:
    """Run this work here; `note` is told how long it has run between its waits, by the clock `now`,
    however it ends.

    Raises what the work raises; it is cancelled as the work is.
    """
    spent, go_on = 0.0, partial(work.send, None)
    try:
        while True:
            began = now()
            try:
                waits_for = go_on()
            except StopIteration as done:
                result: T = done.value
                return result
            finally:
                spent += now() - began
            try:
                go_on = partial(work.send, (yield waits_for))
            except BaseException as error:
                go_on = partial(work.throw, error)
    finally:
        work.close()
        note(spent)
