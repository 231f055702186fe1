"""One healthy turn beside a fault, and the count of what the fault has left behind.

Every test of RELIABILITY goes on inside `beside_a_healthy_turn`: a bot of its own answers a reader
of its own, piece after piece, for as long as the fault lasts, and what the reader gets is compared
byte for byte with what PROTOCOL 1 says. Afterwards nothing may be left: no task, no open turn, no
connection, no link, no place that should be free, no file descriptor.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import attrs
import trio
import trio.testing
from attrs import define, field
from bot_fakes import FakeBot, summary_of
from fakes import Gateway, Glasses, make_bot, question

from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd

HEALTHY_BOT = 9
MESSAGE_ID = "健康-1021"
# Between two pieces of the healthy answer (seconds, virtual where the clock is).
PACE = 0.25
# What a healthy answer is made of: all that a careless framing would break on.
PIECES = (
    "你好",
    "，",
    "\n\n",
    "event: done\n",
    "data: [DONE]",
    "😀",
    "\u2028",
    '\\n"',
    " ",
    "e\u0301",
)


@define(eq=False)
class HealthyTurn:
    """The turn that must not notice anything."""

    bot: FakeBot
    glasses: Glasses
    session_id: str
    said: list[str] = field(factory=list)
    body: bytes = b""
    received: int = 0
    """Events that have arrived, the comment at the beginning not counted."""
    _news: trio.Event = field(factory=trio.Event)

    def say_one(self) -> None:
        """One more piece."""
        number = len(self.said)
        self.said.append(PIECES[number % len(PIECES)] + str(number))
        self.bot.say(StreamChunk(self.session_id, self.said[-1], number))

    async def say_for_ever(self) -> None:
        while True:
            self.say_one()
            await trio.sleep(PACE)

    async def goes_on(self) -> None:
        """Return when a piece that is said now has arrived."""
        self.say_one()
        wanted = len(self.said)
        while self.received < wanted:
            await self._news.wait()

    async def read(self) -> None:
        """Read to the end of the response."""
        body, block = b"", ""
        while not block.startswith("event: done\n"):
            block = await self.glasses.receive_event()
            body += block.encode() + b"\n\n"
            self.received += block.startswith("event: message\n")
            self._news.set()
            self._news = trio.Event()
        self.body = body + await self.glasses.receive_body()

    @property
    def expected(self) -> bytes:
        """The whole response, as PROTOCOL 1 has it."""
        ids = f'"message_id":"{MESSAGE_ID}","agent_id":"{HEALTHY_BOT}"'
        head = 'data: {"role":"agent","type":"answer"'
        texts = [*(self._event(head, piece, ids, "false") for piece in self.said)]
        return (
            ": connected\n\n"
            + "".join(texts)
            + self._event(head, "", ids, "true")
            + f'event: done\n{head},{ids},"is_finish":true}}\n\n'
        ).encode()

    @staticmethod
    def _event(head: str, text: str, ids: str, is_finish: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        said = f'{head},"answer_stream":"{escaped}",{ids},"is_finish":{is_finish}}}'
        return f"event: message\n{said}\n\n"


def open_files() -> set[str]:
    """The file descriptors of this process, each with what it is."""
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with suppress(FileNotFoundError):  # the one that the listing itself was made with
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")  # noqa: PTH115
    return found


def taken_places(gateway: Gateway) -> int:
    """How many commands bots are still counted as busy with."""
    return sum(station.places.taken for station in gateway.switchboard.stations)


@asynccontextmanager
async def nothing_left(gateway: Gateway, *, places_kept: int = 0) -> AsyncIterator[None]:
    """Behind the block there is no more of anything than before it.

    `places_kept` is for turns that were left by their reader while their bot, which cannot
    cancel, has not ended: their places are meant to be kept.
    """
    files = open_files()
    tasks = trio.lowlevel.current_statistics().tasks_living
    connections = gateway.front_door.open_connections
    links = linked(gateway)
    yield
    with trio.fail_after(5):
        await gateway.answers.wait_for_none()
        while trio.lowlevel.current_statistics().tasks_living > tasks:
            await trio.sleep(0.01)  # a crowd that has left is noticed one after the other
    assert gateway.switchboard.open_turns == 0
    assert taken_places(gateway) == places_kept
    assert not any(station.places.waiting for station in gateway.switchboard.stations)
    assert gateway.front_door.open_connections == connections
    assert linked(gateway) == links
    assert trio.lowlevel.current_statistics().tasks_living == tasks, "a task lives on"
    assert open_files() == files, "file descriptors are left open"


def linked(gateway: Gateway) -> int:
    """How many links live."""
    return sum(station.links for station in gateway.switchboard.stations)


@asynccontextmanager
async def beside_a_healthy_turn(
    gateway: Gateway, *, places_kept: int = 0
) -> AsyncIterator[HealthyTurn]:
    """The fault goes into the block, with all that belongs to it."""
    async with nothing_left(gateway, places_kept=places_kept), healthy_turn(gateway) as turn:
        yield turn


@asynccontextmanager
async def healthy_turn(gateway: Gateway) -> AsyncIterator[HealthyTurn]:
    """A turn that begins before the block and ends behind it.

    Whatever the gateway has recorded of it is the record of a turn to which nothing has happened.
    """
    bots = {**gateway.directory.bots, HEALTHY_BOT: make_bot(HEALTHY_BOT, "healthy", "bt_healthy")}
    gateway.directory = attrs.evolve(gateway.directory, bots=bots)
    bot = gateway.bot(HEALTHY_BOT)
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            asked = question("健康吗", message_id=MESSAGE_ID, agent_id=str(HEALTHY_BOT))
            await glasses.send(asked)
            assert (await glasses.receive_head()).status_code == 200
            [command] = await bot.wait_for_commands()
            turn = HealthyTurn(bot, glasses, command.session_id)
            async with trio.open_nursery() as reading:
                reading.start_soon(turn.read)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(turn.say_for_ever)
                    yield turn
                    with trio.fail_after(5):
                        await turn.goes_on()
                    nursery.cancel_scope.cancel()
                bot.say(StreamEnd(turn.session_id), summary_of(turn.session_id, *turn.said))
                reading.cancel_scope.deadline = trio.current_time() + 5
    assert turn.body == turn.expected
    assert bot.acknowledged == [(turn.session_id, n) for n in range(len(turn.said))]
    [trace] = [each for each in gateway.traces if each.session_id == turn.session_id]
    assert trace.outcome is Outcome.ANSWERED
    assert (trace.anomalies, trace.missing, trace.duplicates) == ((), (), 0)


async def until(holds: Callable[[], object], *, seconds: float) -> None:
    """Look again and again; raises trio.TooSlowError when it does not become true in time."""
    with trio.fail_after(seconds):
        while not holds():
            await trio.sleep(0.005)
