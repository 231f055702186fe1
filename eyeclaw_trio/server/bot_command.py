"""A question becomes the command that asks a bot."""

from __future__ import annotations

import time

from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.voice import AS_IT_COMES
from eyeclaw_trio.protocol.rokid import Question
from eyeclaw_trio.protocol.timestamps import format_timestamp
from eyeclaw_trio.protocol.to_bot import CommandMetadata, CommandParams, ExecuteCommand
from eyeclaw_trio.server.occasion import Occasion


def make_command(
    question: Question, bot_id: int, trace: Trace, occasion: Occasion | None = None
) -> ExecuteCommand:
    """The command that asks a bot this question (PROTOCOL 2, `execute_command`), within this
    occasion; without one in the bot's shared conversation, as it is."""
    manner = AS_IT_COMES if occasion is None else occasion.manners.for_source(trace.source)
    return ExecuteCommand(
        params=CommandParams(question.text),
        metadata=CommandMetadata(
            agent_id=question.agent_id,
            user_id=question.user_id,
            message_id=question.message_id or None,
            session_id=trace.session_id,
            openclaw_session_id=f"bot_{bot_id}" if occasion is None else occasion.thread.name,
            trace_id=trace.trace_id,
            full_messages=(*(occasion.earlier if occasion else ()), *question.messages),
            original_metadata=question.original_metadata,
            system_text=occasion.system_text if occasion is not None else "",
            actions=manner.actions,
            follow_ups=manner.follow_ups,
        ),
        timestamp=format_timestamp(time.time_ns()),
        wishes=question.wishes,
    )
