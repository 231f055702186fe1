"""A question becomes the command that asks a bot."""

from __future__ import annotations

import time

from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.protocol.rokid import LONGEST_ID, Question
from eyeclaw_trio.protocol.timestamps import format_timestamp
from eyeclaw_trio.protocol.to_bot import CommandMetadata, CommandParams, ExecuteCommand


def make_command(question: Question, bot_id: int, trace: Trace) -> ExecuteCommand:
    """The command that asks a bot this question (PROTOCOL 2, `execute_command`).

    The conversation is the bot's shared one unless the request's metadata names one. Whatever is
    named stays within this bot's own: a key for it opens no other's (RELIABILITY 37).
    """
    named = question.metadata.get("openclaw_session_id")
    is_named = isinstance(named, str) and 0 < len(named) <= LONGEST_ID
    shared = f"bot_{bot_id}"
    return ExecuteCommand(
        params=CommandParams(question.text),
        metadata=CommandMetadata(
            agent_id=question.agent_id,
            user_id=question.user_id,
            message_id=question.message_id or None,
            session_id=trace.session_id,
            openclaw_session_id=f"{shared}_session_{named}" if is_named else shared,
            trace_id=trace.trace_id,
            full_messages=question.messages,
            original_metadata=question.original_metadata,
        ),
        timestamp=format_timestamp(time.time_ns()),
        wishes=question.wishes,
    )
