"""A question by every door, cut at each step that any task takes: nothing of it is left, also of
one that goes on without its reader."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import h11
import pytest
import trio
import trio.testing
from all_doors import LATE, AllDoors
from chat_fakes import ChatClient
from cutting import CutAt, run_without_a_wait
from fakes import KEY, make_directory, question
from openai_fakes import completion
from photo_hosts import ADDRESS, Opened, guard_of, respond
from trio_websocket import ConnectionClosed

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.relay.turn_log import KEPT_FOR
from eyeclaw_trio.server.chat import PATH
from eyeclaw_trio.server.completions import PATH as COMPLETIONS_PATH
from eyeclaw_trio.server.glasses import PATHS
from eyeclaw_trio.server.photo_desk import PhotoDesk
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.worker import TRIGGER_PATH

PHOTO: Final = question(message=[{"role": "user", "type": "image", "image_url": ADDRESS}])


class Caller:
    """Asks over a memory stream, and can hang up at any moment; `begin` is called before the
    question."""

    def __init__(self, gateway: AllDoors) -> None:
        self.gateway = gateway
        self.begin: Callable[[], None] = lambda: None
        self.is_revoked_in_time = False
        self.ours, self.theirs = trio.testing.memory_stream_pair()

    def hang_up(self) -> None:
        self.ours.send_stream.close()
        self.ours.receive_stream.close()

    async def post(self, target: str, body: dict[str, Any]) -> None:
        """Ask, and read what comes; then hang up."""
        async with self.gateway.glasses(lambda: (self.ours, self.theirs)) as glasses:
            with suppress(h11.RemoteProtocolError, trio.ClosedResourceError, AssertionError):
                self.begin()
                await glasses.send(body, target=target)
                await glasses.receive_head()
                await glasses.receive_body()


def posts(target: str, body: dict[str, Any]) -> Callable[[Caller], Awaitable[None]]:
    return lambda caller: caller.post(target, body)


async def chat(caller: Caller) -> None:
    headers = [(b"Authorization", f"Bearer {KEY}".encode())]
    link = caller.gateway.websocket(
        f"{PATH}s", headers=headers, pair=lambda: (caller.ours, caller.theirs)
    )
    async with link as (socket, stream):
        client = ChatClient(socket, stream)
        with suppress(ConnectionClosed):
            caller.begin()
            await client.ask("你好")
            await client.answer()


DOORS: Final[dict[str, Callable[[Caller], Awaitable[None]]]] = {
    "photo": posts(PATHS[0], PHOTO),
    "late": posts(LATE, question()),
    "late photo": posts(LATE, PHOTO),
    "openai": posts(COMPLETIONS_PATH, completion(stream=True)),
    "openai whole": posts(COMPLETIONS_PATH, completion()),
    "trigger": posts(TRIGGER_PATH, question()),
    "chat": chat,
}


def revoke(caller: Caller, _: trio.CancelScope) -> None:
    gateway = caller.gateway
    caller.is_revoked_in_time = not gateway.is_at_work
    gateway.directory = Directory(bots=gateway.directory.bots)
    revocation = Revocation(gateway.switchboard, gateway.roster)
    run_without_a_wait(revocation.enforce(gateway.directory))


WAYS: Final[dict[str, Callable[[Caller, trio.CancelScope], None]]] = {
    "cancelled": lambda _, everything: everything.cancel(),
    "hung up": lambda caller, _: caller.hang_up(),
    "revoked": revoke,
    "drained": lambda caller, _: caller.gateway.switchboard.end_turns(),
}


def check_nothing_is_left(gateway: AllDoors) -> None:
    station, reception = gateway.switchboard.station(1), gateway.reception
    newcomers = gateway.front_door.newcomers
    assert (gateway.switchboard.open_turns, station.open_turns) == (0, 0)
    assert (station.places.taken, station.places.waiting, station.is_quiet) == (0, 0, True)
    assert (reception.questions.taken, reception.held.taken) == (0, 0)
    assert (gateway.services.waiting.taken, gateway.services.unfinished.total) == (0, 0)
    assert (gateway.answers.count, gateway.front_door.open_connections) == (0, 0)
    assert (len(newcomers), newcomers.owned.taken) == (0, 0)
    assert (len(gateway.turns), gateway.roster.chats.count) == (0, 0)
    assert (gateway.late._room.taken, gateway.completions.whole_answers.taken) == (0, 0)
    assert (gateway.turns.room.taken, gateway.turns._kept.taken) == (0, 0)
    assert len(gateway.traces) <= 1
    assert all(trace.outcome is not None for trace in gateway.traces)


async def ask_and_cut(door: str, way: str, number: int) -> bool:
    """One question, cut before this step; false where it was over by then."""
    desk = PhotoDesk(guard_of(respond(b"photo"), Opened(seconds=2.0)), 7.0)
    gateway = AllDoors(directory=make_directory(default=1), photos=desk)
    caller = Caller(gateway)
    async with gateway.open():
        with trio.CancelScope() as everything:
            cut = CutAt(number, lambda: WAYS[way](caller, everything))
            caller.begin = partial(trio.lowlevel.add_instrument, cut)
            await DOORS[door](caller)
        trio.lowlevel.remove_instrument(cut)
        with trio.fail_after(gateway.patience.late_timeout + 1):
            await gateway.answers.wait_for_none()
        if len(gateway.turns):
            await trio.sleep(KEPT_FOR + 1)
        await trio.testing.wait_all_tasks_blocked()
        assert cut.failure is None
        check_nothing_is_left(gateway)
        if caller.is_revoked_in_time:  # before its bot had been asked
            outcomes = {trace.outcome for trace in gateway.traces}
            assert not outcomes & {Outcome.ANSWERED, Outcome.LATE}
    return cut.has_cut


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("door", DOORS)
async def test_wherever_a_question_of_any_door_is_cut_nothing_is_left_of_it(
    door: str, way: str, autojump_clock: trio.testing.MockClock
) -> None:
    number, stride = 1, 1 if way == "revoked" else 4  # all steps of all would take long
    while await ask_and_cut(door, way, number):
        number += stride
    assert number > 20
