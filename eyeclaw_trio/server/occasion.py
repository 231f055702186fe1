"""What a wearer's question is asked within: its conversation, what was said there before, and what
the model is told beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.beginnings import Beginning, Context, name_context
from eyeclaw_trio.core.conversation import Exchange
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.manners import BotManners, Manners
from eyeclaw_trio.core.memory import Memory, Thread
from eyeclaw_trio.core.new_chat import asks_for_new_chat
from eyeclaw_trio.core.reply_events import Aside
from eyeclaw_trio.core.system_text import join_system_text, style_text
from eyeclaw_trio.core.texts import Language, choose_language, new_chat
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.core.voice import AS_IT_COMES, Manner
from eyeclaw_trio.core.wearer_context import describe_context
from eyeclaw_trio.errors import ReaderGone
from eyeclaw_trio.protocol.decoding import Opaque
from eyeclaw_trio.protocol.rokid import LONGEST_ID, Question, flatten_metadata
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.relay.remembered import RememberedReply
from eyeclaw_trio.relay.turn import Reply

Relay = Callable[[Reply], Coroutine[Any, Any, None]]

_ROLES: Final = ("user", "agent")


def _ignore(*_: Any) -> None:
    """Whoever keeps nothing."""


@frozen
class Occasion:
    """Of one question. `is_new_chat`: it asks for a new conversation, and for nothing else."""

    manners: BotManners
    context: Context
    thread: Thread
    language: Language
    system_text: str
    history: tuple[Exchange, ...] = ()
    is_new_chat: bool = False

    @property
    def earlier(self) -> tuple[Opaque, ...]:
        """What was said before, as entries of a request."""
        if not self.history:
            return ()
        return tuple(
            {"role": role, "type": "text", "text": text}
            for exchange in self.history
            for role, text in zip(_ROLES, exchange.texts, strict=True)
            if text
        )


@define(eq=False)
class Occasions:
    """Finds what each question is asked within, and remembers what was said.

    `on_beginning` is told of every conversation that begins anew, `on_said` of every exchange that
    may be kept on disk; neither may wait.
    """

    manners: Manners = field(factory=Manners)
    memory: Memory = field(factory=Memory)
    on_beginning: Callable[[Beginning], None] = _ignore
    on_said: Callable[[Context, Thread, Exchange], None] = _ignore

    def find(self, question: Question, bot: Bot) -> Occasion:
        """What this question is asked within; where it asks for a new conversation, that has begun.

        Never waits, and reads the clocks.
        """
        manners = self.manners.of(bot)
        language = choose_language(question.metadata.get("lang"))
        context = name_context(
            bot.id,
            manners.conversation,
            named=_named(question),
            user_id=question.user_id,
            message_id=question.message_id,
        )
        # Whoever brings the whole history along wants nothing added, and keeps it where it is.
        is_apart = question.wishes.is_whole_history
        is_new_chat = not is_apart and asks_for_new_chat(question.text)
        now, milliseconds = trio.current_time(), time.time_ns() // 1_000_000
        if is_new_chat:
            self.on_beginning(self.memory.begin_anew(context, milliseconds))
        recalled = self.memory.recall(
            context, 0.0 if is_apart else manners.wearer.forget_after, now, milliseconds
        )
        if recalled.beginning is not None:
            self.on_beginning(recalled.beginning)
        return Occasion(
            manners,
            context,
            recalled.thread,
            language,
            "" if is_apart else _system_text(question, manners, language),
            self._history(question, manners, recalled.thread, now),
            is_new_chat,
        )

    def _history(
        self, question: Question, manners: BotManners, thread: Thread, now: float
    ) -> tuple[Exchange, ...]:
        if not manners.needs_history or question.has_history:
            return ()
        return self.memory.history(thread, now)

    def find_manner(self, command: ExecuteCommand, bot: Bot | None, source: str) -> Manner:
        """How the answer to this command reaches whoever asked there; as it comes where no bot is
        asked."""
        if bot is None:
            return AS_IT_COMES
        metadata = flatten_metadata(command.metadata.original_metadata)
        language = choose_language(metadata.get("lang"))
        return self.manners.of(bot).for_source(source, language)

    def remember(
        self, occasion: Occasion, question: Question, reply: Reply, relay: Relay
    ) -> Coroutine[Any, Any, None]:
        """Have `relay` write the answer into this reply, and remember both, where the bot's model
        does not. From its first moment on the next question finds this one. Cancelled, what was
        written until then is remembered.

        What is returned is to be awaited at once; it does without the question.
        """
        if not occasion.manners.needs_history or question.wishes.is_whole_history:
            return relay(reply)
        return self._remember(occasion, _words_of(question), reply, relay)

    async def _remember(
        self, occasion: Occasion, question: str, reply: Reply, relay: Relay
    ) -> None:
        context, thread = occasion.context, occasion.thread
        exchange = self.memory.ask(context, thread, question)
        try:
            relaying = relay(RememberedReply(reply, exchange))
            del relay  # an answer may take minutes, and needs no more of it
            await relaying
        finally:
            said = self.memory.answered(context, thread, exchange, trio.current_time())
            if said is not None and occasion.manners.wearer.keep_history:
                self.on_said(context, thread, said)


async def say_new_chat(language: Language, reply: Reply, trace: Trace) -> None:
    """Say that a new conversation has begun: no model is asked for that. Cancelled, the reply may
    hold half an event."""
    try:
        await reply.open()
        if not reply.send_nowait([Aside(new_chat(language))]):
            await reply.drain()
        trace.note_aside()
        await reply.finish()
        trace.end(Outcome.ANSWERED, reason="new_chat")
    except ReaderGone as gone:
        trace.end_with(gone)


def _words_of(question: Question) -> str:
    """The question as it is told again: a photo's address says nothing to a model."""
    return f"[图片] {question.asked.text}".strip() if question.photos else question.text


def _named(question: Question) -> str | None:
    """What the request itself calls its conversation."""
    named = question.metadata.get("openclaw_session_id")
    return named if isinstance(named, str) and 0 < len(named) <= LONGEST_ID else None


def _system_text(question: Question, manners: BotManners, language: Language) -> str:
    wearer = manners.wearer
    return join_system_text(
        style_text(wearer.style, language),
        describe_context(question.metadata, wearer.context, language),
    )
