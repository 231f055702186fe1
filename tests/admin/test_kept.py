"""What open pages share: nothing is read or rendered twice that is as it was."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pytest
import trio
from trio.testing import MockClock

from eyeclaw_trio.admin import kept as kept_parts
from eyeclaw_trio.admin.kept import Kept
from eyeclaw_trio.admin.words import Language, say

QUIET = "_overview_failures.html"


def render(
    kept: Kept,
    language: Language = "en",
    variant: Hashable = None,
    bots: Mapping[int, str] | None = None,
) -> str:
    return kept.render(language, QUIET, variant, failures=(), bots=dict(bots or {}))


def test_what_has_not_changed_is_rendered_once_for_all_who_look() -> None:
    kept = Kept()
    first = render(kept)
    assert say("en", "overview.no_failures") in first
    assert render(kept, bots={}) is first
    assert render(kept, "zh") is not first
    assert render(kept) is first
    assert render(kept, bots={1: "other"}) is not first


def test_parts_are_told_apart_by_their_variant_and_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_parts, "_MOST", 2)
    kept = Kept()
    first, second = render(kept, variant=1), render(kept, variant=2)
    assert render(kept, variant=1) is first
    render(kept, variant=3)
    assert render(kept, variant=1) is first
    assert render(kept, variant=2) is not second


async def test_what_was_read_is_good_for_so_many_seconds(autojump_clock: MockClock) -> None:
    kept, reads = Kept(), 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        return reads

    assert [await kept.read("a", 5.0, read) for _ in range(2)] == [1, 1]
    assert await kept.read("b", 5.0, read) == 2
    await trio.sleep(5)
    assert await kept.read("a", 5.0, read) == 3
    assert await kept.read("a", 0.0, read) == 4  # whoever asks for the page sees it as it is
