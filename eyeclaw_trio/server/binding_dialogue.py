"""What a wearer hears whom no bot belongs to yet: look at the code, and then whose he is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog
import trio
from attrs import frozen

from eyeclaw_trio.core.directory import AccessKey, Bot
from eyeclaw_trio.core.reply_events import DeviceAction, ReplyEvent
from eyeclaw_trio.core.texts import is_bound, look_at_code
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.errors import (
    BindingFault,
    BindingRefused,
    BotFailed,
    NotBound,
    ReaderGone,
    StoreError,
    TurnFailed,
)
from eyeclaw_trio.photos.guard import PhotoGuard, Sender
from eyeclaw_trio.relay.turn import Reply
from eyeclaw_trio.server.photo_desk import wait_beside
from eyeclaw_trio.server.reception import Asked, Reception
from eyeclaw_trio.server.sse_reply import SseReply

log = structlog.get_logger(__name__)


class Binder(Protocol):
    """Who keeps what belongs to whom."""

    async def bind(self, texts: Sequence[str], user_id: str, only_bot: int | None) -> Bot:
        """Bind this wearer by one of these codes. Raises BindingRefused and StoreError. Cancelled,
        it may be done or not."""


@frozen
class BindingDialogue:
    """Asks an unknown wearer for the code of a bot, reads it, and binds. `keepalive` in seconds."""

    reception: Reception
    guard: PhotoGuard
    binder: Binder
    keepalive: float

    async def talk(self, asked: Asked, reply: SseReply, trace: Trace) -> None:
        """Answer this question of a wearer who is bound to no bot; the reply is whole then, and
        `trace` says how it went.

        Raises nothing but bugs. Cancelled, the wearer may be bound or not, and the reply may hold
        half an event.
        """
        answers, over = self.reception.answers, trio.CancelScope()
        with answers.one_more(trace), answers.preparing.one_more(over):
            try:
                try:
                    await self._answer(asked, reply, trace, over)
                except TurnFailed as failure:
                    trace.end_with(failure)
                    await reply.apologise(failure)
            except ReaderGone as gone:
                trace.end_with(gone)

    async def _answer(
        self, asked: Asked, reply: SseReply, trace: Trace, over: trio.CancelScope
    ) -> None:
        question, language = asked.question, reply.wording.language
        user_id = question.user_id
        if not user_id:
            raise BindingRefused(BindingFault.NO_WEARER)
        if not question.photos:
            await _say(reply, [look_at_code(language), DeviceAction("take_photo", {})])
            trace.end_with(NotBound())
            return

        async def read_and_bind() -> Bot:
            texts = await self.guard.read_codes(question.photos[0], Sender(asked.key.id, user_id))
            self.reception.gate.check_still_open(asked.key.id)
            return await self._bind(texts, user_id, asked.key)

        bot = await wait_beside(reply, self.keepalive, read_and_bind, over)
        log.info("wearer.bound", bot_id=bot.id)
        trace.bot_id = bot.id
        await _say(reply, [is_bound(language)])
        trace.end(Outcome.ANSWERED, reason="bound")

    async def _bind(self, texts: Sequence[str], user_id: str, key: AccessKey) -> Bot:
        try:
            return await self.binder.bind(texts, user_id, key.bot_id)
        except StoreError as error:
            log.error("wearer.not_bound", why=str(error))
            raise BotFailed from error


async def _say(reply: Reply, events: Sequence[ReplyEvent]) -> None:
    """These events, and the end of the answer."""
    await reply.open()
    if not reply.send_nowait(events):
        await reply.drain()
    await reply.finish()
