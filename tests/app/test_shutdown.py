"""SIGTERM at each step of a question, by whichever door it comes: it is refused or answered whole
(RELIABILITY 6)."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import pytest
import trio
import trio.testing
from all_doors import ANSWER, LATE, AllDoors
from chat_fakes import DONE, ChatClient
from cutting import CutAt
from fakes import FAILED, KEY, assert_whole, make_directory, question
from photo_hosts import ADDRESS, Opened, guard_of, respond
from trio_websocket import ConnectionClosed
from worker_fakes import trigger

from eyeclaw_trio.app.shutdown import LAST_WORDS
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.relay.turn_log import READ_WITHIN
from eyeclaw_trio.server.chat import PATH
from eyeclaw_trio.server.glasses import PATHS
from eyeclaw_trio.server.photo_desk import PhotoDesk
from eyeclaw_trio.wire.admission import Admission

# Seconds that the bot takes: more than what is given to anything but a running answer.
TAKES: Final = 2 * LAST_WORDS + READ_WITHIN + 5.0


async def ask_glasses(gateway: AllDoors, target: str = PATHS[0]) -> None:
    """Refused, or answered whole."""
    async with gateway.glasses() as glasses:
        await glasses.send(question(), target=target)
        response = await glasses.receive_head()
        if response.status_code == 503:
            assert b"Shutting down" in await glasses.receive_body()
        else:
            assert_whole(await glasses.receive_answer(), ANSWER)


async def ask_for_late_answer(gateway: AllDoors) -> None:
    await ask_glasses(gateway, LATE)


async def trigger_turn(gateway: AllDoors) -> None:
    """Refused, or run to its end."""
    async with gateway.glasses() as glasses:
        status, told = await trigger(glasses)
        assert status in (200, 503), told
        if status == 200:
            await gateway.answers.wait_for_none()
            [trace] = gateway.traces
            assert trace.outcome is Outcome.ANSWERED


async def chat(gateway: AllDoors) -> None:
    """Told that the gateway stops, or answered whole."""
    headers = [(b"Authorization", f"Bearer {KEY}".encode())]
    async with gateway.websocket(f"{PATH}s", headers=headers) as link:
        client = ChatClient(*link)
        with suppress(ConnectionClosed):
            await client.ask("你好")
            pieces, ending = await client.answer()
            if ending == DONE:
                assert "".join(pieces) == ANSWER
            else:
                assert (pieces, ending["code"]) == ([], "stopping")
        for trace in gateway.traces:
            assert trace.outcome is Outcome.ANSWERED


Ask = Callable[[AllDoors], Awaitable[None]]
DOORS: Final[tuple[Ask, ...]] = (ask_glasses, ask_for_late_answer, trigger_turn, chat)


async def ask_and_stop(ask: Ask, number: int) -> bool:
    """One question, and SIGTERM before this step; false where the bot was at work by then."""
    gateway = AllDoors(directory=make_directory(default=1), takes=TAKES)
    tell, signals = trio.open_memory_channel[int](1)
    was_at_work = False

    def stop() -> None:
        nonlocal was_at_work
        was_at_work = gateway.is_at_work
        tell.send_nowait(signal.SIGTERM)

    cut = CutAt(number, stop)
    async with gateway.open(), trio.open_nursery() as nursery:
        with trio.CancelScope() as everything:
            nursery.start_soon(gateway.shutdown.stop_on, signals, everything)
            await trio.testing.wait_all_tasks_blocked()
            trio.lowlevel.add_instrument(cut)
            await ask(gateway)
            trio.lowlevel.remove_instrument(cut)
        # Where nothing was asked yet, it stops at once; what was begun has its end.
        assert {trace.outcome for trace in gateway.traces} <= {Outcome.ANSWERED}
        nursery.cancel_scope.cancel()
    assert cut.failure is None
    return not was_at_work


@pytest.mark.parametrize("ask", DOORS, ids=lambda ask: ask.__name__)
async def test_row_6_whenever_sigterm_comes_a_question_is_refused_or_answered_whole(
    ask: Ask, autojump_clock: trio.testing.MockClock
) -> None:
    number = 1
    while await ask_and_stop(ask, number):
        number += 1
    assert number > 5


class Crowd(Admission):
    """Many have asked before, and nobody is admitted until all of them are."""

    def __init__(self) -> None:
        super().__init__()
        self.is_gone = trio.Event()

    async def wait(self, *_: object, **__: object) -> None:
        await self.is_gone.wait()


async def test_row_6_a_chat_question_that_waits_behind_a_crowd_is_answered_whole(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = AllDoors(directory=make_directory(default=1), takes=TAKES)
    crowd = gateway.front_door.newcomers.asking = Crowd()
    tell, signals = trio.open_memory_channel[int](1)
    async with gateway.open(), trio.open_nursery() as nursery:
        with trio.CancelScope() as everything:
            nursery.start_soon(gateway.shutdown.stop_on, signals, everything)
            nursery.start_soon(chat, gateway)
            await trio.testing.wait_all_tasks_blocked()
            await tell.send(signal.SIGTERM)
            await trio.sleep(2 * LAST_WORDS)
            assert not gateway.is_at_work
            crowd.is_gone.set()
            await trio.sleep_forever()
        nursery.cancel_scope.cancel()
    assert [trace.outcome for trace in gateway.traces] == [Outcome.ANSWERED]


async def test_row_6_a_photo_that_is_not_there_at_the_drains_end_is_apologised_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = PhotoDesk(guard_of(respond(b"photo"), Opened(seconds=7.0)), 1.0)
    gateway = AllDoors(directory=make_directory(default=1), photos=desk)
    gateway.shutdown.drain_timeout = 3.0
    tell, signals = trio.open_memory_channel[int](1)
    entry = {"role": "user", "type": "image", "image_url": ADDRESS}
    async with gateway.open(), trio.open_nursery() as nursery:
        nursery.start_soon(gateway.shutdown.stop_on, signals, nursery.cancel_scope)
        async with gateway.glasses() as glasses:
            await glasses.send(question(message=[entry]))
            await glasses.receive_head()
            await tell.send(signal.SIGTERM)
            assert_whole(await glasses.receive_answer(), FAILED)
        assert trio.current_time() == gateway.shutdown.drain_timeout
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.INTERRUPTED, "stopping")
    assert not gateway.is_at_work
