"""What led to an exception: the one walker for groups and chains of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator


def leaves(error: BaseException) -> Iterator[BaseException]:
    """What a group holds, at any depth; of any other exception itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, outermost first; of a group also what it holds."""
    seen: set[int] = set()
    waiting = deque([error])
    while waiting:
        cause = waiting.popleft()
        if id(cause) in seen:
            continue  # somebody has made a ring of them
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
        led_to_it = cause.__cause__ or cause.__context__
        if led_to_it is not None:
            waiting.append(led_to_it)


def root_words(error: BaseException) -> str:
    """What was wrong in the end: the words of the innermost cause that has any, else none."""
    words = [str(cause) for cause in causes(error) if not isinstance(cause, BaseExceptionGroup)]
    return next((each for each in reversed(words) if each), "")
