"""The shape that all providers share: a question in, pieces of text out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

from attrs import field, frozen

from eyeclaw_trio.core.action_words import NO_OFFER, Offer
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.core.tool_calls import ToolCall, ToolUse
from eyeclaw_trio.protocol.completions import ChatMessage, Closing
from eyeclaw_trio.protocol.wishes import NO_WISHES, Wishes

# What an answer is made of: pieces of text, none of them empty, and calls of functions.
Piece: TypeAlias = str | ToolCall | ToolUse

# Is told of every answer of a provider, and of every failure; it must not wait, nor raise.
Note: TypeAlias = Callable[[ProviderAnswer], None]


def ignore(_: ProviderAnswer) -> None:
    """The Note of whoever does not want to know."""


def _forget(_: Closing) -> None:
    """Whoever asks does not want to know."""


@frozen
class ProviderQuestion:
    """What a model is asked; `images` are `data:` URLs of what it is asked about.

    `history` is what was said before, oldest first. `conversation` names the context for models
    that remember it themselves (`user` upstream); empty: none. `system_text` goes behind the
    provider's own prompt. `on_closing` is told once of a whole answer what the model has said of
    it, where it says such things; it must not wait. `offer` is what it may ask of the glasses,
    `behind` what follows the question: calls that it has made, and what became of them, as its
    protocol has it.
    """

    text: str
    history: tuple[ChatMessage, ...] = ()
    conversation: str = ""
    system_text: str = ""
    wishes: Wishes = NO_WISHES
    on_closing: Callable[[Closing], None] = _forget
    images: tuple[str, ...] = field(default=(), repr=False)
    offer: Offer = NO_OFFER
    behind: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


class Provider(Protocol):
    """A model. Any number of questions may be open at once."""

    @property
    def name(self) -> str: ...

    @property
    def conversation(self) -> Conversation:
        """What shares one context: the caller makes `ProviderQuestion.conversation` from it."""

    def answer(
        self, question: ProviderQuestion
    ) -> AbstractAsyncContextManager[AsyncIterator[Piece]]:
        """Ask, and read the answer piece by piece, in order; no piece is empty.

            async with provider.answer(question) as pieces:
                async for piece in pieces: ...

        Leaving the context closes the request upstream at once, whether the answer is whole or
        not, and also under cancellation. Entering and reading may wait, can be cancelled, and
        raise ProviderFailed, each with its own Reason; an answer without any text or call is
        EMPTY_ANSWER, one that broke off CUT_ANSWER. Pieces that came before a failure were given
        out before it. One task may read at a time.
        """

    async def warm_up(self) -> None:
        """Make the next question fast. Never raises but for cancellation; may take a minute."""

    async def keep_warm(self) -> None:
        """Use a connection, so that it is not closed as idle and no turn pays for a new one.

        Never raises, bounded in time, and costs no tokens. Cancelled, it closes the connection.
        """

    async def aclose(self) -> None:
        """Let go of all connections. No question may be asked afterwards.

        Never raises, and waits for no peer; call it where it cannot be cancelled.
        """
