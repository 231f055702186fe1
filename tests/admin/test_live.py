"""Live pages: what has changed is sent, and nothing goes on for nobody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field
from trio.testing import MockClock

from eyeclaw_trio.admin import live
from eyeclaw_trio.admin.live import LivePages
from eyeclaw_trio.errors import StoreBusy, TryLater


@define(eq=False)
class OpenPage:
    """A page that somebody has open; `html` is what its fragments are now, None: no more."""

    pages: LivePages
    html: dict[str, str] | None = field(factory=lambda: {"a": "1", "b": "<b>"})
    bodies: list[bytes] = field(factory=list)
    is_over: bool = False
    is_busy: bool = False
    closed: trio.Event = field(factory=trio.Event)

    async def run(self) -> None:
        await self.pages.follow(self._look)({"type": "http"}, self._receive, self._send)
        self.is_over = True

    def take(self) -> list[Any]:
        """The events that have come since; a comment is its text."""
        taken, self.bodies = b"".join(self.bodies), []
        blocks = taken.decode().split("\n\n")
        return [
            json.loads(block.removeprefix("event: fragments\ndata: "))
            if block.startswith("event")
            else block
            for block in blocks
            if block
        ]

    async def _look(self) -> dict[str, str] | None:
        if self.is_busy:
            raise StoreBusy("busy")
        return None if self.html is None else dict(self.html)

    async def _receive(self) -> dict[str, Any]:
        await self.closed.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert (b"content-type", b"text/event-stream") in message["headers"]
        else:
            self.bodies.append(message["body"])


@asynccontextmanager
async def open_page(pages: LivePages) -> AsyncIterator[OpenPage]:
    page = OpenPage(pages)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(page.run)
        await trio.testing.wait_all_tasks_blocked()
        yield page
        nursery.cancel_scope.cancel()


async def test_all_is_sent_first_and_then_what_has_changed(autojump_clock: MockClock) -> None:
    async with open_page(LivePages(trio.Event())) as page:
        assert page.take() == [{"a": "1", "b": "<b>"}]
        await trio.sleep(3.5)
        assert page.take() == []
        page.html = {"a": "2", "b": "<b>"}
        await trio.sleep(1)
        assert page.take() == [{"a": "2"}]


async def test_a_page_where_nothing_changes_hears_a_sign_of_life(
    autojump_clock: MockClock,
) -> None:
    async with open_page(LivePages(trio.Event())) as page:
        page.take()
        await trio.sleep(31.5)
        assert page.take() == [": still here"] * 2


async def test_a_busy_database_ends_no_page(autojump_clock: MockClock) -> None:
    async with open_page(LivePages(trio.Event())) as page:
        page.take()
        page.is_busy, page.html = True, {"a": "2"}
        await trio.sleep(5.5)
        assert page.take() == []
        page.is_busy = False
        await trio.sleep(1)
        assert page.take() == [{"a": "2"}]


async def test_pages_that_show_the_same_have_it_rendered_once_a_second_for_all(
    autojump_clock: MockClock,
) -> None:
    pages, rendered = LivePages(trio.Event()), 0

    async def render() -> dict[str, str]:
        nonlocal rendered
        rendered += 1
        await trio.sleep(0.01)
        return {"a": str(rendered)}

    looks = [pages.share(("overview", "en"), render) for _ in range(3)]
    assert looks[0] is looks[1] is looks[2]
    assert pages.share(("overview", "zh"), render) is not looks[0]
    seen: list[str] = []

    async def follow() -> None:
        for _ in range(3):
            seen.append((await looks[0].fragments())["a"])
            await trio.sleep(live.LOOK_EVERY)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(follow)
    assert seen == ["1"] * 5 + ["2"] * 5 + ["3"] * 5


async def test_looks_that_are_dear_are_taken_more_seldom_so_that_answers_come_first(
    autojump_clock: MockClock,
) -> None:
    worked = 0.0
    pages, rendered = LivePages(trio.Event(), lambda: worked), 0

    async def render() -> dict[str, str]:
        nonlocal rendered, worked
        rendered += 1
        worked += 0.01
        await trio.sleep(0.5)  # somebody else's work, which is none of its own
        worked += 0.01
        return {}

    looks = [pages.share(("overview", language), render) for language in ("en", "zh")]
    with trio.move_on_after(60):
        while True:
            await looks[0].fragments()
            await trio.sleep(0.1)
    # Of two looks each has half of the share: 20 ms of work in four seconds, and what it waits.
    assert 0.02 / (live.SHARE / 2) == 4
    assert rendered == 14


async def test_a_look_that_was_broken_off_is_taken_by_the_next_page(
    autojump_clock: MockClock,
) -> None:
    async def render() -> dict[str, str]:
        await trio.sleep(0.5)
        return {"a": "1"}

    look = LivePages(trio.Event()).share("key", render)
    with trio.move_on_after(0.1):
        await look.fragments()
    assert await look.fragments() == {"a": "1"}


@pytest.mark.parametrize("how", ["closed", "signed out", "stopping"])
async def test_a_page_ends_when_it_is_closed_signed_out_or_the_gateway_stops(
    autojump_clock: MockClock, how: str
) -> None:
    pages = LivePages(trio.Event())
    async with open_page(pages) as page:
        assert pages.open == 1
        if how == "closed":
            page.closed.set()
        elif how == "stopping":
            pages.stopping.set()
        else:
            page.html = None
        await trio.sleep(1.5)
        assert page.is_over
        assert pages.open == 0


async def test_a_page_too_many_is_told_to_come_later(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAGES", 2)
    pages = LivePages(trio.Event())
    async with open_page(pages) as first, open_page(pages):
        with pytest.raises(TryLater):
            pages.follow(first._look)
        first.closed.set()
        await trio.sleep(0.1)
        pages.follow(first._look)
    assert pages.open == 0
