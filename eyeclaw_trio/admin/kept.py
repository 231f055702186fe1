"""What open pages share: what was read or rendered for one of them is used for all that show the
same. Every page looks once a second, and most of what it shows is as it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, TypeVar, cast

import trio
from attrs import define, field, frozen
from markupsafe import Markup
from starlette.requests import HTTPConnection

from eyeclaw_trio.admin.view import render_in
from eyeclaw_trio.admin.words import Language

T = TypeVar("T")

# Parts and readings that are kept, the latest to be asked for; a long one has 50 kB.
_MOST: Final = 200


@frozen
class _KeptPart:
    values: dict[str, object]
    html: Markup


@frozen
class _KeptReading:
    at: float
    value: object


@define(eq=False)
class Kept:
    """Parts and readings of the pages of one gateway."""

    _parts: dict[Hashable, _KeptPart] = field(factory=dict, init=False)
    _found: dict[Hashable, _KeptReading] = field(factory=dict, init=False)

    def render(
        self, language: Language, template: str, variant: Hashable = None, **values: object
    ) -> Markup:
        """As `render_in`; where the values are equal to those of the last time, what came of it
        then. `variant` tells apart what has one template."""
        key = (language, template, variant)
        known = self._parts.pop(key, None)
        if known is None or known.values != values:
            known = _KeptPart(values, render_in(language, template, **values))
        self._parts[key] = known
        _forget_oldest(self._parts)
        return known.html

    async def read(self, name: Hashable, seconds: float, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` has found within the last `seconds`, else what it finds now. Raises what
        `work` raises; cancelled, nothing has happened."""
        known = self._found.get(name)
        if known is not None and trio.current_time() - known.at < seconds:
            return cast(T, known.value)
        value = await work()
        self._found.pop(name, None)
        self._found[name] = _KeptReading(trio.current_time(), value)
        _forget_oldest(self._found)
        return value


def _forget_oldest(kept: dict[Hashable, Any]) -> None:
    if len(kept) > _MOST:
        del kept[next(iter(kept))]


def kept_of(request: HTTPConnection) -> Kept:
    """That of the gateway that is asked."""
    kept: Any = request.app.state.kept
    return cast(Kept, kept)


def freshness(request: HTTPConnection, seconds: float) -> float:
    """How old may be what is shown: `seconds` on a page that is open, nothing where one was asked
    for just now."""
    return seconds if getattr(request.state, "is_live", False) else 0.0
