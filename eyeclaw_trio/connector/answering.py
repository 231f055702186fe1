"""One command becomes the messages of one answer: what linked and embedded bots have in common."""

from __future__ import annotations

import attrs
import structlog

from eyeclaw_trio.connector.telling import Say, Telling
from eyeclaw_trio.core.action_words import Offer
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.texts import choose_language
from eyeclaw_trio.errors import BotFailed, PhotoRefused, ProviderFailed, Reason
from eyeclaw_trio.photos.guard import PhotoGuard, Sender
from eyeclaw_trio.protocol.bot import StreamEnd, StreamError
from eyeclaw_trio.protocol.completions import ChatMessage, Closing
from eyeclaw_trio.protocol.rokid import flatten_metadata, read_history
from eyeclaw_trio.protocol.to_bot import CommandMetadata, ExecuteCommand
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion

log = structlog.get_logger(__name__)


async def answer_command(
    command: ExecuteCommand,
    provider: Provider,
    say: Say,
    conversation: Conversation = "shared",
    photos: PhotoGuard | None = None,
) -> None:
    """Ask the provider and say the answer: chunks numbered from 0, then end and summary.
    `conversation` says what shares one context of the model's, `photos` takes in those that the
    gateway could not.

    A failure of the provider and a refused photo are said as StreamError with their reason; any
    other exception is logged and said as one with an unknown reason, so that a bug costs one
    answer. Cancellation passes through at once, and closes the provider's request and those for
    photos.
    """
    session_id = command.session_id
    closing = Closing()

    def note_closing(said: Closing) -> None:
        nonlocal closing
        closing = said

    try:
        if photos is not None:
            command = await _take_missing(command, photos)
        question = attrs.evolve(ask(command, conversation), on_closing=note_closing)
        telling = Telling(session_id, question.offer, say)
        await _tell(question, provider, telling)
        if behind := telling.explain():
            await _tell_again(attrs.evolve(question, behind=behind), provider, telling)
        await say(StreamEnd(session_id, closing.finish_reason, closing.usage))
        await say(telling.told.summarise(session_id))
    except ProviderFailed as failure:
        log.warning(
            "answer.failed",
            session_id=session_id,
            provider=provider.name,
            reason=failure.reason.value,
            detail=failure.detail,
        )
        await say(StreamError(session_id, failure.detail, failure.reason.value))
    except PhotoRefused as refused:  # the guard has logged it
        await say(StreamError(session_id, refused.why, refused.code))
    except BotFailed as failure:
        log.warning("answer.failed", session_id=session_id, reason=failure.reason.value)
        await say(StreamError(session_id, failure.said, failure.reason.value))
    except Exception:
        log.exception("answer.crashed", session_id=session_id, provider=provider.name)
        await say(StreamError(session_id, "internal error", Reason.UNKNOWN.value))


async def _take_missing(command: ExecuteCommand, photos: PhotoGuard) -> ExecuteCommand:
    """The command with those of its photos that the gateway has left to us (PROTOCOL 1). Raises
    PhotoRefused: the model would be asked about something that it does not see. Cancelled, nothing
    of them is left."""
    metadata = command.metadata
    if not metadata.missing_photos:
        return command
    taken = await photos.take_all_in(metadata.missing_photos, Sender(None, metadata.user_id))
    images = (*metadata.images, *taken.values())
    metadata = attrs.evolve(metadata, images=images, missing_photos=())
    return attrs.evolve(command, metadata=metadata)


async def _tell(question: ProviderQuestion, provider: Provider, telling: Telling) -> None:
    async with provider.answer(question) as pieces:
        async for piece in pieces:
            await telling.tell(piece)
    await telling.end()


async def _tell_again(question: ProviderQuestion, provider: Provider, telling: Telling) -> None:
    """What the model says when it has heard that nothing came of its calls."""
    try:
        await _tell(question, provider, telling)
    except ProviderFailed as failure:
        if failure.reason is not Reason.EMPTY_ANSWER or not telling.has_said:
            raise


def ask(command: ExecuteCommand, conversation: Conversation) -> ProviderQuestion:
    """The question that a command asks, with what was said before. About photos that came along a
    model is asked in words, and does not see their addresses."""
    metadata = command.metadata
    history = tuple(
        ChatMessage("user" if entry.role == "user" else "assistant", entry.as_text)
        for entry in read_history(metadata.full_messages)
    )
    is_remembered = not command.wishes.is_whole_history
    return ProviderQuestion(
        text=(metadata.images and metadata.photo_words) or command.params.message,
        history=history,
        conversation=name_conversation(metadata, conversation) if is_remembered else "",
        wishes=command.wishes,
        images=metadata.images,
        system_text=metadata.system_text,
        offer=Offer(
            metadata.actions,
            metadata.follow_ups,
            choose_language(flatten_metadata(metadata.original_metadata).get("lang")),
        ),
    )


def name_conversation(metadata: CommandMetadata, conversation: Conversation) -> str:
    """The context that a model keeps for this command (CLI, `conversation`).

    Where the wearer or the conversation is not known, it is the shared one.
    """
    shared = metadata.openclaw_session_id
    if conversation == "per_user" and metadata.user_id:
        return f"{shared}_user_{metadata.user_id}"
    if conversation == "per_conversation" and metadata.message_id:
        return f"{shared}_conversation_{metadata.message_id}"
    return shared
