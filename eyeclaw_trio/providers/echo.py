"""A model that says what it was asked: to try the whole way without any account."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import trio
from attrs import field, frozen

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.kind import ProviderKind
from eyeclaw_trio.providers.provider import Note, ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

# Seconds between two pieces: long enough to see them come one by one.
DELAY: Final = 0.05
# More pieces than this become longer ones, so that no echo takes more than 3 s.
MAX_PIECES: Final = 60

# Scripts without spaces between words: CJK with its punctuation, kana, hangul, full-width forms.
_NO_SPACES: Final = (
    "\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(rf"[{_NO_SPACES}]{{1,2}}\s*|[^\s{_NO_SPACES}]+\s*|\s+")


def split_into_pieces(text: str) -> list[str]:
    """Words with the space behind them, or two characters where words have none between them.

    Together they are the text exactly; there are never more than MAX_PIECES.
    """
    words = _WORD.findall(text)
    size = -(-len(words) // MAX_PIECES)
    return ["".join(words[i : i + size]) for i in range(0, len(words), size)] if words else []


@frozen
class EchoProvider:
    """Answers with the question. `delay` is in seconds."""

    name: str = "echo"
    conversation: Conversation = "shared"
    delay: float = DELAY

    @asynccontextmanager
    async def answer(self, question: ProviderQuestion) -> AsyncIterator[AsyncIterator[str]]:
        """See `Provider.answer`. Entering waits for nothing; cancelled while it is read, there
        is nothing to close."""
        yield _EchoedPieces(split_into_pieces(question.text), self.delay)

    async def warm_up(self) -> None:
        """Nothing is cold: neither waits nor can be cancelled."""

    async def keep_warm(self) -> None:
        """Nothing gets cold: neither waits nor can be cancelled."""

    async def aclose(self) -> None:
        """There is nothing to let go of: neither waits nor can be cancelled."""


@frozen
class _EchoedPieces:
    _pieces: list[str]
    _delay: float
    _left: Iterator[tuple[int, str]] = field(init=False)

    @_left.default
    def _count_pieces(self) -> Iterator[tuple[int, str]]:
        return enumerate(self._pieces)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if not self._pieces:
            raise ProviderFailed(Reason.EMPTY_ANSWER, "there was nothing to echo")
        for index, piece in self._left:
            # No wait before the first piece; a checkpoint all the same.
            await trio.sleep(self._delay if index else 0)
            return piece
        raise StopAsyncIteration


def _open(settings: ProviderSettings, _: Note) -> EchoProvider:
    return EchoProvider(settings.name, settings.conversation)


ECHO: Final = ProviderKind("echo", _open, is_model=False)
