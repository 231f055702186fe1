"""A chat client's questions and what it is said to."""

from __future__ import annotations

from bot_fakes import FakeBot
from chat_fakes import DONE, ChatClient


async def asked(client: ChatClient, model: FakeBot, message: str = "你好") -> str:
    """Ask, and return the turn once its command has come."""
    count = len(model.commands)
    await client.ask(message)
    return (await model.wait_for_commands(count + 1))[count].session_id


async def exchange(client: ChatClient, model: FakeBot, question: str, answer: str) -> None:
    """A whole question and answer."""
    model.answer(await asked(client, model, question), answer)
    assert await client.answer() == ([answer], DONE)
