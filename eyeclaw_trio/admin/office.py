"""What the pages need of the gateway: three small Protocols, which `app` fulfils.

A page reads and writes by the functions of `store`, and hands them in here:
`views.read(list_keys)`, `desk.run(partial(create_key, name=name, now=now))`. It never sees a
connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from attrs import frozen
from starlette.requests import HTTPConnection

from eyeclaw_trio.admin.surroundings import Surroundings
from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.store.database import Database

T = TypeVar("T")


class Desk(Protocol):
    """Where what an owner commands is done: the store's writer thread."""

    async def run(self, work: Callable[[Database], T]) -> T:
        """Run `work(db)` and return what it returns; as `store.Store.run`.

        Raises StoreError. Cancelled before its work has begun, it is not done; else it is done to
        the end.
        """
        ...

    def write_nowait(self, write: Callable[[Database], None]) -> bool:
        """Have this done some time soon, if there is room for it; as `store.Store`."""
        ...


class Views(Protocol):
    """Where what a page shows is read: the store's reader thread, and its snapshot."""

    @property
    def directory(self) -> Directory:
        """All keys and bots, as requests see them now."""
        ...

    @property
    def running_time(self) -> float:
        """Seconds that gateways have lived on this folder; never jumps."""
        ...

    async def read(self, work: Callable[[Database], T]) -> T:
        """Run `work(db)`, which cannot write, and return what it returns; as `store.Store.read`.

        Raises StoreError. Cancelled, it is not done, or broken off within moments.
        """
        ...


@frozen
class RunningTurn:
    """A turn that is open now. Times are seconds until now: since its question came, and since
    anything was heard of its bot, None where nothing was yet."""

    trace_id: str
    bot_id: int | None
    source: str
    lasts: float
    silent: float | None
    chunks: int


class Now(Protocol):
    """How it is in this moment. Nothing here waits."""

    def health(self) -> tuple[int, dict[str, object]]:
        """The status and the body of `/health`."""
        ...

    def is_online(self, bot_id: int) -> bool:
        """Whether this bot can be asked."""
        ...

    def running_turns(self) -> Sequence[RunningTurn]:
        """The turns that are open, the longest first."""
        ...


@frozen
class Office:
    """All of it, as pages are handed it."""

    desk: Desk
    views: Views
    now: Now
    surroundings: Surroundings


def office_of(request: HTTPConnection) -> Office:
    """The office of the gateway that is asked."""
    return cast(Office, request.app.state.office)
