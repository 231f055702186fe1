"""The words of ours that keep a wearer company until the answer comes: never dead silence, and no
word more than that (PROTOCOL 5, "Filler").

A filler comes once, before the first text only. When a bot or model says that it uses a tool of its
own, that is told, but not twice without a text in between. Neither is part of the answer.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.reply_events import Aside, ReplyEvent
from eyeclaw_trio.core.texts import Language, uses_tool

# Tools that are told of in one answer: an agent at work may call a hundred.
MOST_TOLD: Final = 3


@frozen
class Company:
    """How a wearer is kept company. `filler_after` in seconds from the question, 0: never; without
    a `language` no tool is told of."""

    filler: str = ""
    filler_after: float = 0.0
    language: Language | None = None


NO_COMPANY: Final = Company()


class Asides:
    """Of one answer that was asked for at `asked_at` (monotonic seconds)."""

    __slots__ = ("_chunks", "_company", "_told", "due")

    def __init__(self, company: Company, asked_at: float) -> None:
        self.due = asked_at + company.filler_after if company.filler_after > 0 else math.inf
        """When the filler is to be said, if no text has come until then."""
        self._company = company
        self._told = 0
        self._chunks = -1

    def fill(self, now: float, events: list[ReplyEvent]) -> None:
        """No text has come yet: say the filler, where it is time for it."""
        if now >= self.due:
            self.due = math.inf
            events.append(Aside(self._company.filler))

    def tell_tool(self, chunks: int, events: list[ReplyEvent]) -> None:
        """Say that the bot uses a tool, where that is to be said now; so many `chunks` of its
        answer have come."""
        language = self._company.language
        if language is None or chunks <= self._chunks or self._told == MOST_TOLD:
            return
        self._told += 1
        self._chunks = chunks
        self.due = math.inf  # that is company enough
        events.append(Aside(uses_tool(language)))
