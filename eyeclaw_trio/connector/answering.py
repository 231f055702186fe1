"""One command becomes the messages of one answer: what linked and embedded bots have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from io import StringIO
from typing import Final, TypeAlias

import attrs
import structlog

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.errors import BotFailed, ProviderFailed, Reason
from eyeclaw_trio.protocol.bot import (
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamMessage,
    StreamSummary,
)
from eyeclaw_trio.protocol.completions import ChatMessage, Closing
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.protocol.rokid import read_history
from eyeclaw_trio.protocol.to_bot import CommandMetadata, ExecuteCommand
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion

log = structlog.get_logger(__name__)

# Takes one message of the answer; it may wait while too much is unacknowledged, and raises
# BotFailed when that has lasted too long.
Say: TypeAlias = Callable[[StreamMessage], Awaitable[None]]

# Characters of one chunk. A model's pieces are words; a gateway closes the link over a message of
# 1 MiB, and JSON within JSON can make seven bytes of one character.
LONGEST_CHUNK: Final = 16_384
# Bytes that the whole text may take in a summary, as JSON within JSON. A longer answer is summed
# up without its text: it was acknowledged chunk by chunk, and the summary is a cure for bots that
# were not.
LARGEST_SUMMARY: Final = 524_288


async def answer_command(
    command: ExecuteCommand, provider: Provider, say: Say, conversation: Conversation = "shared"
) -> None:
    """Ask the provider and say the answer: chunks numbered from 0, then end and summary.
    `conversation` says what shares one context of the model's.

    A failure of the provider is said as StreamError with its reason; any other exception is
    logged and said as one with an unknown reason, so that a bug costs one answer. Cancellation
    passes through at once and closes the provider's request.
    """
    session_id = command.session_id
    told, closing = Told(), Closing()

    def note_closing(said: Closing) -> None:
        nonlocal closing
        closing = said

    question = attrs.evolve(ask(command, conversation), on_closing=note_closing)
    try:
        async with provider.answer(question) as pieces:
            async for piece in pieces:
                for part in split_piece(piece):
                    sequence = told.chunks
                    told.add(part)
                    await say(StreamChunk(session_id, part, sequence))
        await say(StreamEnd(session_id, closing.finish_reason, closing.usage))
        await say(told.summarise(session_id))
    except ProviderFailed as failure:
        log.warning(
            "answer.failed",
            session_id=session_id,
            provider=provider.name,
            reason=failure.reason.value,
            detail=failure.detail,
        )
        await say(StreamError(session_id, failure.detail, failure.reason.value))
    except BotFailed as failure:
        log.warning("answer.failed", session_id=session_id, reason=failure.reason.value)
        await say(StreamError(session_id, failure.said, failure.reason.value))
    except Exception:
        log.exception("answer.crashed", session_id=session_id, provider=provider.name)
        await say(StreamError(session_id, "internal error", Reason.UNKNOWN.value))


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


def split_piece(piece: str) -> Iterator[str]:
    """A model's piece in parts that fit a chunk each; none for an empty piece.

    Half a surrogate pair, which no JSON can carry, becomes a question mark: it would end the link
    with all other answers on it.
    """
    if not piece.isascii():
        piece = piece.encode("utf-8", "replace").decode()
    for start in range(0, len(piece), LONGEST_CHUNK):
        yield piece[start : start + LONGEST_CHUNK]


class Told:
    """What has been told of one answer, for its summary: as text for as long as it may fit into
    one, and as a count for ever. A model that never ends fills no memory."""

    def __init__(self) -> None:
        self.chunks = 0
        self._text: StringIO | None = StringIO()

    def add(self, part: str) -> None:
        """One chunk more."""
        self.chunks += 1
        if self._text is not None:
            self._text.write(part)
            if self._text.tell() > LARGEST_SUMMARY:
                self._text = None

    def summarise(self, session_id: str) -> StreamSummary:
        """The summary of the whole answer; without text and hash where they would be too large."""
        text = self._text.getvalue() if self._text is not None else ""
        if self._text is None or len(encode(encode(text).decode())) > LARGEST_SUMMARY:
            return StreamSummary(session_id, total_chunks=self.chunks)
        return StreamSummary(session_id, text, self.chunks, hash_content(text))
