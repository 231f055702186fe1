"""A provider with others behind it, which are asked as long as no text has come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
import trio
from attrs import frozen

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.tool_calls import ToolCall
from eyeclaw_trio.errors import ProviderFailed
from eyeclaw_trio.providers.provider import Piece, Provider, ProviderQuestion

log: Final = structlog.get_logger()


@frozen
class FallbackProvider:
    """Asks the first, and each next one where those before it have failed without any text.

    Each has its own time-outs, counted from when it is asked. What the others have behind them is
    not followed, so no chain can be endless, and two may stand behind each other. When all fail,
    the failure is the first one's, because that is the one to mend; it tells the others' too.
    """

    first: Provider
    others: tuple[Provider, ...]

    @property
    def name(self) -> str:
        return self.first.name

    @property
    def conversation(self) -> Conversation:
        return self.first.conversation

    @asynccontextmanager
    async def answer(self, question: ProviderQuestion) -> AsyncIterator[AsyncIterator[Piece]]:
        """See `Provider.answer`. Entering waits for the first text, of whomever it is; cancelled
        then, the request of whoever is being asked is closed and nobody else is asked."""
        async with AsyncExitStack() as stack:
            yield await self._ask_in_turn(question, stack)

    async def _ask_in_turn(
        self, question: ProviderQuestion, stack: AsyncExitStack
    ) -> AsyncIterator[Piece]:
        failures: list[tuple[Provider, ProviderFailed]] = []
        for provider in self._all:
            try:
                async with AsyncExitStack() as attempt:
                    pieces = await attempt.enter_async_context(provider.answer(question))
                    begun = await _read_until_text(pieces)
                    stack.push_async_exit(attempt.pop_all())
                    return _Begun(begun, pieces)
            except ProviderFailed as failure:
                log.warning(
                    "provider.failed",
                    provider=provider.name,
                    reason=failure.reason.value,
                    detail=failure.detail,
                )
                failures.append((provider, failure))
        raise _sum_up(failures)

    async def warm_up(self) -> None:
        """Warms all of them: who is asked late must not be slow as well. Cancelled, it ends all
        that have not finished."""
        async with trio.open_nursery() as nursery:
            for provider in self._all:
                nursery.start_soon(provider.warm_up)

    async def keep_warm(self) -> None:
        """Keeps all of them warm. Cancelled, it ends all that have not finished."""
        async with trio.open_nursery() as nursery:
            for provider in self._all:
                nursery.start_soon(provider.keep_warm)

    async def aclose(self) -> None:
        """Lets go of all of them, one after the other. Cancelled, those left are not closed in
        order: give it time in a shielded scope, as whoever opened it does."""
        for provider in self._all:
            await provider.aclose()

    @property
    def _all(self) -> tuple[Provider, ...]:
        return (self.first, *self.others)


@frozen
class _Begun:
    """An answer of which the beginning was read already."""

    _begun: list[Piece]
    _rest: AsyncIterator[Piece]

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        return self._begun.pop(0) if self._begun else await anext(self._rest)


async def _read_until_text(pieces: AsyncIterator[Piece]) -> list[Piece]:
    """What comes up to the first text or call: space alone is nothing that a wearer has heard."""
    begun: list[Piece] = []
    async for piece in pieces:
        begun.append(piece)
        if isinstance(piece, ToolCall) or (isinstance(piece, str) and not piece.isspace()):
            break
    return begun


def _sum_up(failures: Sequence[tuple[Provider, ProviderFailed]]) -> ProviderFailed:
    """One failure of many; `retry_after` is the shortest that one of them has asked for."""
    (_, first), *_ = failures
    detail = "; ".join(f"{provider.name}: {failure.detail}" for provider, failure in failures)
    waits = [each.retry_after for _, each in failures if each.retry_after is not None]
    return ProviderFailed(first.reason, detail, retry_after=min(waits, default=None))
