"""What all turns of one key are told in one instant they take some at a time."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from asking_gate import AskingGate
from bot_fakes import FakeBot, summary_of
from fakes import SILENT, Gateway, Glasses, assert_whole
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd
from eyeclaw_trio.wire.services import Services


async def test_a_word_waits_for_nobody_and_the_end_does_once() -> None:
    gate = AskingGate()
    gateway = Gateway(services=Services(admission=gate))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            await glasses.receive_head()
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            bot.say(StreamChunk(turn, "湖光", 0))
            await bot.wait_for_acknowledged(1)
            bot.say(StreamChunk(turn, "秋月", 1))
            await bot.wait_for_acknowledged(2)
            assert gate.asked == 0
            bot.say(StreamEnd(turn), summary_of(turn, "湖光", "秋月"))
            await trio.testing.wait_all_tasks_blocked()
            assert (gate.asked, gateway.switchboard.open_turns) == (1, 1)
            gate.opened.set()
            assert_whole(await glasses.receive_answer(), "湖光秋月")
    assert gate.asked == 1
    assert [trace.outcome for trace in gateway.traces] == [Outcome.ANSWERED]


async def test_a_word_that_comes_while_the_end_waits_is_acknowledged_too() -> None:
    gate = AskingGate()
    gateway = Gateway(services=Services(admission=gate))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            turn = await begin(glasses, bot)
            bot.say(StreamChunk(turn, "好", 0), StreamEnd(turn))
            await trio.testing.wait_all_tasks_blocked()
            bot.say(StreamChunk(turn, "的", 1), summary_of(turn, "好", "的"))
            gate.opened.set()
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "好的")
    assert sorted(bot.acknowledged) == [(turn, 0), (turn, 1)]


async def test_a_silence_waits_too_and_is_apologised_for_behind_it(
    autojump_clock: MockClock,
) -> None:
    gate = AskingGate()
    gateway = Gateway(services=Services(admission=gate))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            turn = await begin(glasses, bot)
            gate.opened.set()
            began = trio.current_time()
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), SILENT)
            assert trio.current_time() == began + 60
    assert gate.asked > 0
    assert bot.cancelled == [turn]


@pytest.mark.parametrize("has_ended", [True, False])
async def test_a_reader_who_leaves_while_it_waits_leaves_no_word_unacknowledged(
    has_ended: bool,
) -> None:
    gate = AskingGate()
    gateway = Gateway(services=Services(admission=gate))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            turn = await begin(glasses, bot)
            ending = [StreamEnd(turn)] if has_ended else []
            bot.say(StreamChunk(turn, "好", 0), *ending, StreamChunk(turn, "的", 1))
            await trio.testing.wait_all_tasks_blocked()
    assert sorted(bot.acknowledged) == [(turn, 0), (turn, 1)]
    assert [trace.outcome for trace in gateway.traces] == [Outcome.CANCELLED]


async def test_readers_who_take_nothing_are_given_up_at_the_pace(
    autojump_clock: MockClock,
) -> None:
    gate = AskingGate()
    gateway = Gateway(services=Services(admission=gate), patience=Patience(write_timeout=3))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses(trio.testing.lockstep_stream_pair) as glasses:
            turn = await begin(glasses, bot)
            bot.say(StreamChunk(turn, "好", 0))
            await trio.sleep(4)
            assert (gate.asked, gateway.traces) == (1, [])
            gate.opened.set()
            await trio.testing.wait_all_tasks_blocked()
            assert [trace.outcome for trace in gateway.traces] == [Outcome.SLOW_READER]


async def begin(glasses: Glasses, bot: FakeBot) -> str:
    """Ask, and return the turn."""
    await glasses.send()
    [command] = await bot.wait_for_commands()
    return command.session_id
