"""What a page is: its name, its routes, and the parts of it that move."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from attrs import frozen
from starlette.requests import Request
from starlette.routing import Route

from eyeclaw_trio.admin.guard import HOME
from eyeclaw_trio.admin.live import Fragments
from eyeclaw_trio.admin.view import PageLink


@frozen
class Page:
    """One page. `name` is its address below /admin/ ("" for the first one), and `menu.NAME` is its
    word; `routes` serve it, with whole paths.

    `fragments` renders what moves on it, by the names of its `data-live` sections, for the query
    that the page was asked with. None: nothing moves.
    """

    name: str
    routes: Sequence[Route]
    fragments: Callable[[Request], Coroutine[Any, Any, Fragments]] | None = None
    is_in_menu: bool = True

    @property
    def address(self) -> str:
        """Where it is."""
        return HOME if self.name == "overview" else HOME + self.name

    @property
    def link(self) -> PageLink:
        """Its entry of the menu."""
        return PageLink(self.name, self.address)
