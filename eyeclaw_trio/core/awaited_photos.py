"""The questions that a photo is awaited for: what was asked when the glasses were told to take it.

The photo comes as a question of its own, without words, some seconds later or while the first
answer is still open (PROTOCOL 1). What it is to answer is remembered here. Times are monotonic
seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from operator import attrgetter
from typing import Final

from attrs import field, frozen

from eyeclaw_trio.core.greediest import find_oldest_of_greediest

# Seconds in which a photo comes after it was asked for, and how many may be awaited.
WITHIN: Final = 300.0
MOST: Final = 1_000
# Characters of a question that are remembered.
KEPT: Final = 2_000


@frozen
class Talk:
    """One conversation of one wearer with one bot: `message_id` names it."""

    bot_id: int
    user_id: str | None
    message_id: str


@frozen
class _Asked:
    question: str
    until: float
    is_awaited: bool


@frozen
class AwaitedPhotos:
    """What is awaited now; of the bot that has most, and of its wearer who has most, the oldest is
    forgotten first."""

    _asked: OrderedDict[Talk, _Asked] = field(factory=OrderedDict, init=False)

    def expect(self, talk: Talk, question: str, now: float) -> None:
        """The glasses were told to take a photo for this question; empty: for that of the photo
        before, which was not good enough."""
        before = self._asked.pop(talk, None)
        if not question and before is not None and before.until > now:
            question = before.question
        if question:
            self._asked[talk] = _Asked(question[:KEPT], now + WITHIN, is_awaited=True)
        if len(self._asked) > MOST:
            owners_of = attrgetter("bot_id"), attrgetter("user_id")
            del self._asked[find_oldest_of_greediest(self._asked, *owners_of)]

    def take(self, talk: Talk, now: float) -> str | None:
        """The question that a photo of this conversation answers, once; else None."""
        asked = self._asked.get(talk)
        if asked is None or not asked.is_awaited or asked.until <= now:
            return None
        self._asked[talk] = _Asked(asked.question, asked.until, is_awaited=False)
        return asked.question
