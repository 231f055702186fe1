"""Late answers to what is seen: a reader may leave while his photo is opened (PROTOCOL 7)."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from fakes import Glasses, assert_whole, question
from photo_hosts import ADDRESS, Opened, guard_of, respond
from test_late_answers import LATER, LateGateway, settle
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamEnd, StreamToolCall
from eyeclaw_trio.server.photo_desk import PhotoDesk

OPENS: float = 5.0
"""Seconds that opening a photo takes."""


def gateway_with(patience: Patience | None = None) -> LateGateway:
    desk = PhotoDesk(guard_of(respond(b"photo"), Opened(seconds=OPENS)), 2.0)
    return LateGateway(patience=patience or Patience(), photos=desk)


async def ask(glasses: Glasses) -> None:
    """About a photo, until the reader sees that somebody is at work."""
    await glasses.send(question(message=[{"role": "user", "type": "image", "image_url": ADDRESS}]))
    await glasses.receive_head()
    assert await glasses.receive_event() == ": connected"


async def test_whoever_hangs_up_while_his_photo_is_opened_gets_the_answer_pushed(
    autojump_clock: MockClock,
) -> None:
    gateway = gateway_with(Patience(late_timeout=600, idle_timeout=60))
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            await ask(glasses)
            await trio.sleep(1)
        with trio.fail_after(OPENS):
            [command] = await bot.wait_for_commands()
        assert trio.current_time() == OPENS
        await trio.sleep(300)  # longer than any bot may be silent while somebody reads
        bot.answer(command.session_id, "一朵花")
        trace = await settle(gateway)
    assert (gateway.pushed, trace.outcome, bot.cancelled) == (["一朵花"], Outcome.LATE, [])
    assert [each.kind.value for each in trace.events].count("reader_left") == 1


async def test_whoever_has_waited_long_enough_is_let_go_while_his_photo_is_opened(
    autojump_clock: MockClock,
) -> None:
    gateway = gateway_with(Patience(late_after=3.0))
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            await ask(glasses)
            assert_whole(await glasses.receive_answer(), LATER)
            assert trio.current_time() == 3.0
        with trio.fail_after(OPENS):
            [command] = await bot.wait_for_commands()
        bot.answer(command.session_id, "一朵花")
        trace = await settle(gateway)
    assert (gateway.pushed, trace.outcome) == (["一朵花"], Outcome.LATE)


@pytest.mark.parametrize("leaves", [True, False])
async def test_an_answer_without_a_word_is_not_pushed(leaves: bool) -> None:
    gateway = LateGateway()
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
            called = StreamToolCall(turn, {"command": "take_photo"})
            if not leaves:
                bot.say(called, StreamEnd(turn))
                await glasses.receive_answer()
        if leaves:
            await trio.testing.wait_all_tasks_blocked()
            bot.say(called, StreamEnd(turn))
        trace = await settle(gateway)
    assert gateway.platform.sent == []
    assert trace.outcome is (Outcome.CANCELLED if leaves else Outcome.ANSWERED)
