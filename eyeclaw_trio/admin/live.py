"""What moves on an open page: fragments of it, rendered again and sent where they have changed.

One task for each open page, which is the task of its request: it ends with the page, with the
session, and when the gateway stops. Pages that show the same share what is rendered.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

import trio
from attrs import define, field, frozen
from starlette.types import Receive, Scope, Send

from eyeclaw_trio.admin.effort import metered
from eyeclaw_trio.errors import StoreBusy, TryLater
from eyeclaw_trio.protocol.decoding import encode

# Pages that may be open and live at once.
PAGES: Final = 50
# Seconds between two looks at what a page shows.
LOOK_EVERY: Final = 1.0
# Seconds for which what one page was shown is shown to the others too.
_FRESH: Final = LOOK_EVERY * 0.9
# All open pages together take this part of the loop: whoever hears an answer comes before whoever
# watches. Where much happens and many look they move every few seconds, and else every second.
SHARE: Final = 0.01
# Seconds between two signs of life where nothing changes.
_COMMENT_EVERY: Final = 15.0

Fragments = Mapping[str, str]
"""The parts of a page that move, as HTML by their names."""

Look = Callable[[], Awaitable[Fragments | None]]
"""Renders them anew; None: the page may not be seen any more. Raises StoreError."""


@define(eq=False)
class SharedLook:
    """What several pages show alike: rendered for one of them, and shown to all."""

    _pages: LivePages
    _render: Callable[[], Coroutine[Any, Any, Fragments]]
    _fragments: Fragments = field(factory=dict, init=False)
    _outdated_at: float = field(default=float("-inf"), init=False)
    _lock: trio.Lock = field(factory=trio.Lock, init=False)

    async def fragments(self) -> Fragments:
        """As of less than a second ago, or of as long as the share of all pages asks for. Raises
        what rendering raises; cancelled, nothing has happened."""
        async with self._lock:
            if trio.current_time() >= self._outdated_at:
                efforts: list[float] = []
                work = self._render()
                self._fragments = await metered(work, self._pages.work_clock, efforts.append)
                pause = max(_FRESH, sum(efforts) * self._pages.looks / SHARE)
                self._outdated_at = trio.current_time() + pause
            return self._fragments


@define(eq=False)
class LivePages:
    """The open pages. `stopping` ends them all. `work_clock` tells how long this thread has had a
    processor, in seconds."""

    stopping: trio.Event
    work_clock: Callable[[], float] = time.thread_time
    open: int = field(default=0, init=False)
    _looks: WeakValueDictionary[Hashable, SharedLook] = field(
        factory=WeakValueDictionary, init=False
    )

    @property
    def looks(self) -> int:
        """How many different things the open pages show."""
        return len(self._looks)

    def share(
        self, key: Hashable, render: Callable[[], Coroutine[Any, Any, Fragments]]
    ) -> SharedLook:
        """The look of all pages with this key, by the first one's `render`, for as long as one of
        them is open."""
        look = self._looks.get(key)
        if look is None:
            look = self._looks[key] = SharedLook(self, render)
        return look

    def follow(self, look: Look) -> LiveAnswer:
        """An answer that follows one page. Raises TryLater where too many are open."""
        if self.open >= PAGES:
            raise TryLater("Too many live pages are open", seconds=10)
        return LiveAnswer(self, look)


@frozen
class LiveAnswer:
    """Server-sent events, as an ASGI application: `fragments` with a JSON object of those that are
    new, and a comment where nothing was said for long."""

    pages: LivePages
    look: Look

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send until the page is closed or may not be seen any more, or the gateway stops.
        Cancellation leaves the answer without an end."""
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        self.pages.open += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_end_when_closed, receive, nursery.cancel_scope)
                nursery.start_soon(_end_when_set, self.pages.stopping, nursery.cancel_scope)
                await self._follow(send)
                nursery.cancel_scope.cancel()
            await send({"type": "http.response.body", "body": b""})
        finally:
            self.pages.open -= 1

    async def _follow(self, send: Send) -> None:
        shown: dict[str, str] = {}
        said_at = trio.current_time()
        while True:
            try:
                fragments = await self.look()
            except StoreBusy:
                fragments = {}  # it will not be for long
            if fragments is None:
                return
            changed = {name: html for name, html in fragments.items() if shown.get(name) != html}
            shown.update(changed)
            body = b""
            if changed:
                body = b"event: fragments\ndata: " + encode(changed) + b"\n\n"
            elif trio.current_time() - said_at >= _COMMENT_EVERY:
                body = b": still here\n\n"
            if body:
                said_at = trio.current_time()
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await trio.sleep(LOOK_EVERY)


async def _end_when_closed(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _end_when_set(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
