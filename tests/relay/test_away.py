"""The time in which the gateway itself was away, or was writing, is not the bot's silence."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from fakes import SILENT, Gateway, assert_whole, reading_nothing, spoken
from trio.testing import MockClock

from eyeclaw_trio.core.patience import LATE, Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd

IDLE = 20.0


@pytest.mark.parametrize("keepalive", [7.0, 2 * IDLE])
async def test_a_bot_is_not_blamed_for_a_time_in_which_the_process_stood_still(
    keepalive: float, mock_clock: MockClock
) -> None:
    gateway = Gateway(patience=Patience(idle_timeout=IDLE, keepalive=keepalive))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            await glasses.receive_head()
            assert await glasses.receive_event() == ": connected"
            bot.say(StreamChunk(turn, "桂花", 0))
            assert '"桂花"' in await glasses.receive_event()
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(3 * IDLE)  # stopped, or its machine was; the next words lie in a socket
            await trio.testing.wait_all_tasks_blocked()
            bot.say(StreamChunk(turn, "开了", 1), StreamEnd(turn), summary_of(turn, "桂花", "开了"))
            assert spoken(await glasses.receive_answer()) == "开了"
    assert gateway.traces[0].outcome is Outcome.ANSWERED


async def test_a_summary_that_lay_in_a_socket_meanwhile_still_heals(mock_clock: MockClock) -> None:
    gateway = Gateway(patience=Patience(idle_timeout=IDLE))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            bot.say(StreamChunk(turn, "桂花", 0), StreamEnd(turn))
            await glasses.receive_head()
            assert await glasses.receive_event() == ": connected"
            assert '"桂花"' in await glasses.receive_event()
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(IDLE)
            await trio.testing.wait_all_tasks_blocked()
            bot.say(summary_of(turn, "桂花", "开了"))
            assert spoken(await glasses.receive_answer()) == "开了"


async def test_a_bot_that_stays_silent_is_found_out_all_the_same(
    mock_clock: MockClock,
) -> None:
    gateway = Gateway(patience=Patience(idle_timeout=IDLE, keepalive=2 * IDLE))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            await bot.wait_for_commands()
            await glasses.receive_head()
            assert await glasses.receive_event() == ": connected"
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(3 * IDLE)
            await trio.testing.wait_all_tasks_blocked()
            assert gateway.switchboard.open_turns == 1
            mock_clock.jump(LATE)
            assert_whole([": connected", *await glasses.receive_answer()], SILENT)
    assert gateway.traces[0].outcome is Outcome.TIMEOUT


async def test_a_bot_that_waits_for_an_acknowledgement_is_not_silent(
    mock_clock: MockClock,
) -> None:
    """Its window is full until the reader, who is slow, has taken what was said."""
    gateway = Gateway(patience=Patience(idle_timeout=IDLE, write_timeout=5 * IDLE))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with reading_nothing(gateway, bot) as (glasses, turn):
            bot.say(StreamChunk(turn, "桂花", 0))
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(2 * IDLE)
            assert '"桂花"' in await glasses.receive_event()
            await bot.wait_for_acknowledged(1)
            await trio.testing.wait_all_tasks_blocked()
            bot.say(StreamChunk(turn, "开了", 1), StreamEnd(turn), summary_of(turn, "桂花", "开了"))
            assert spoken(await glasses.receive_answer()) == "开了"
            await trio.aclose_forcefully(glasses.stream)
