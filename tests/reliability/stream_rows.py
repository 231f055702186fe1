"""Asking a bot that is played by hand, and what is left of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot_fakes import FakeBot
from fakes import Gateway, Glasses, question

from eyeclaw_trio.core.trace import Trace


@asynccontextmanager
async def asking(gateway: Gateway, bot: FakeBot) -> AsyncIterator[tuple[Glasses, str]]:
    """A reader whose question has reached the bot, and the turn that it is."""
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            asked = len(bot.commands)
            await glasses.send(question(agent_id=str(bot.station.bot_id)))
            assert (await glasses.receive_head()).status_code == 200
            yield glasses, (await bot.wait_for_commands(asked + 1))[asked].session_id


def trace_of(gateway: Gateway, turn: str) -> Trace:
    [trace] = [each for each in gateway.traces if each.session_id == turn]
    return trace


def acknowledged(bot: FakeBot, turn: str) -> list[int]:
    """What was acknowledged of this turn, one entry for each copy."""
    return sorted(sequence for session_id, sequence in bot.acknowledged if session_id == turn)
