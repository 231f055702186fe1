"""One question that is cut at each step that any task takes, in every way that it can be cut.

Whatever ends it there: nothing of it is left, in no table, count or budget; its reader has whole
events, which are the beginning of the answer, and knows of a response that is not whole; and its
bot has seen no chunk acknowledged that was not written.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from typing import Any, Final

import pytest
import trio
import trio.testing
from attrs import define, field
from bot_fakes import FakeBot, summary_of
from cable_fakes import CableGateway, Sdk
from cutting import CutAt, Reader, run_without_a_wait
from trio_websocket import ConnectionClosed

from eyeclaw_trio.connector.embedded import run_embedded_bot
from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamMessage
from eyeclaw_trio.protocol.to_bot import CommandMetadata, CommandParams, ExecuteCommand
from eyeclaw_trio.providers.echo import EchoProvider
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster

PIECES: Final = ("湖光", "秋月", "两相", "和")
ANSWER: Final = "".join(PIECES)
# In which order they come, one of them twice.
COME: Final = (0, 2, 1, 1, 3)
IDENTIFIER: Final = '{"channel":"BotChannel","bot_id":"1","cancel":true}'


@define(eq=False)
class Asking:
    """A gateway, a reader who asks, and how it is cut."""

    gateway: CableGateway = field(factory=CableGateway)
    reader: Reader = field(factory=lambda: Reader(ANSWER))
    connection: trio.CancelScope = field(factory=trio.CancelScope)
    lose_link: Callable[[], None] = field(default=lambda: None)
    replace_link: Callable[[], None] = field(default=lambda: None)
    early: list[int] = field(factory=list)
    """Chunks that were acknowledged though they were not written yet, and nothing was cut."""
    cut: CutAt | None = None

    def note_acknowledged(self, sequence: int) -> None:
        if not self._has_been_cut and not self.reader.may_have(PIECES[sequence]):
            self.early.append(sequence)

    def revoke(self) -> None:
        gateway = self.gateway
        gateway.directory = Directory(bots=gateway.directory.bots)
        revocation = Revocation(gateway.switchboard, Roster(gateway.answers))
        run_without_a_wait(revocation.enforce(gateway.directory))

    @property
    def _has_been_cut(self) -> bool:
        return self.cut is None or self.cut.has_cut

    async def serve(self) -> None:
        with self.connection:
            await self.gateway.front_door.serve_connection(self.reader.theirs)

    def check_nothing_is_left(self) -> None:
        gateway = self.gateway
        station = gateway.switchboard.station(1)
        reception, newcomers = gateway.reception, gateway.front_door.newcomers
        assert (gateway.switchboard.open_turns, station.open_turns) == (0, 0)
        assert (station.places.taken, station.places.waiting, station.is_quiet) == (0, 0, True)
        assert (reception.questions.taken, reception.held.taken) == (0, 0)
        assert station._all_turns.waiting.taken == 0
        assert (gateway.services.waiting.taken, gateway.services.unfinished.total) == (0, 0)
        assert (gateway.answers.count, gateway.front_door.open_connections) == (0, 0)
        assert (len(newcomers), newcomers.owned.taken) == (0, 0)
        assert gateway.services.poller is None or not gateway.services.poller._watches

    def check_reader(self) -> None:
        """What it has is the beginning of the answer in whole events, and ends as it must."""
        events = self.reader.events()
        said = [data["answer_stream"] for name, data in events if name == "message"]
        assert self.early == []
        if self.reader.is_whole:
            assert [name for name, _ in events].count("done") == 1
            assert events[-1][0] == "done"
        if not self.gateway.traces:  # cut before there was a turn
            assert "".join(said) == ""
            return
        [trace] = self.gateway.traces
        ends = [data for name, data in events if name == "message" and data["is_finish"]]
        assert len(ends) <= 1
        apology = ends[0]["answer_stream"] if ends else ""
        text = "".join(said).removesuffix(apology)
        assert ANSWER.startswith(text)
        if trace.outcome is Outcome.ANSWERED:
            assert (text, apology) == (ANSWER, "")


class Heard(FakeBot):
    """A bot that tells whoever looks at it what is acknowledged."""

    note: Callable[[int], None] = print

    def acknowledge(self, session_id: str, sequences: Any) -> None:
        super().acknowledge(session_id, sequences)
        for sequence in sequences:
            self.note(sequence)


# ---- three kinds of bots ------------------------------------------------------------------------


@asynccontextmanager
async def played(asking: Asking) -> AsyncIterator[None]:
    """A link without a socket; where it is replaced, the bot says all of it again on the next."""
    station = asking.gateway.switchboard.station(1)
    asked: list[str] = []  # the turn
    links = ExitStack()

    def come() -> Heard:
        bot = Heard(station, can_cancel=True, can_resume=True)
        bot.note = asking.note_acknowledged
        links.enter_context(station.attached(bot))
        return bot

    def lose() -> None:
        first.is_alive = False
        links.close()

    def replace() -> None:
        nonlocal links
        before, links = links, ExitStack()
        nursery.start_soon(answer, come())
        first.is_alive = False
        before.close()

    async def answer(bot: Heard) -> None:
        if not asked:
            asked.append((await bot.wait_for_commands())[0].session_id)
        [turn] = asked
        messages: list[StreamMessage] = [
            StreamChunk(turn, PIECES[number], number) for number in COME
        ]
        for message in [*messages, StreamEnd(turn), summary_of(turn, *PIECES)]:
            if bot.is_alive:
                bot.say(message)
                await trio.testing.wait_all_tasks_blocked()

    first = come()
    asking.lose_link, asking.replace_link = lose, replace
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, first)
        yield
        nursery.cancel_scope.cancel()
    lose()


@asynccontextmanager
async def polled(asking: Asking) -> AsyncIterator[None]:
    """The same, for a reader whose socket is written without a wait and read by the poller."""
    asking.reader = Reader(ANSWER, has_socket=True)
    async with played(asking):
        yield


@asynccontextmanager
async def busy(asking: Asking) -> AsyncIterator[None]:
    """The same, while another question has the place of its bot until this one waits for it."""
    station = asking.gateway.switchboard.station(1)
    metadata = CommandMetadata("1", "another", "bot_1", "trace_another")
    another = ExecuteCommand(CommandParams("another"), metadata, "now")

    async def make_way() -> None:
        while not station.places.waiting:
            await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(1)
        await trio.testing.wait_all_tasks_blocked()
        turns.close()

    async with played(asking), trio.open_nursery() as nursery:
        with ExitStack() as turns:
            turns.enter_context(station.open(another, overflow=trio.CancelScope()))
            nursery.start_soon(make_way)
            yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def linked(asking: Asking) -> AsyncIterator[None]:
    """An SDK on `/cable`."""
    pair = trio.testing.memory_stream_pair()

    def lose() -> None:
        pair[0].send_stream.close()
        pair[0].receive_stream.close()

    async def play(sdk: Sdk) -> None:
        with suppress(ConnectionClosed):
            while True:
                message = (await sdk.receive()).get("message", {})
                if message.get("type") == "chunk_received":
                    asking.note_acknowledged(message["sequence"])
                if message.get("type") == "execute_command":
                    nursery.start_soon(answer, sdk, message["metadata"]["session_id"])

    async def answer(sdk: Sdk, turn: str) -> None:
        with suppress(ConnectionClosed):
            for number in COME:
                chunk = {"type": "stream_chunk", "content": PIECES[number], "sequence": number}
                await sdk.say(chunk | {"session_id": turn}, IDENTIFIER)
            await sdk.say({"type": "stream_end", "session_id": turn}, IDENTIFIER)
            summary = {"total_content": ANSWER, "total_chunks": len(PIECES)}
            await sdk.say({"type": "stream_summary", "session_id": turn, **summary}, IDENTIFIER)

    async with asking.gateway.sdk(pair=lambda: pair) as sdk:
        await sdk.subscribe(IDENTIFIER)
        for _ in range(3):
            await sdk.receive()
        asking.lose_link = lose
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play, sdk)
            yield
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def embedded(asking: Asking) -> AsyncIterator[None]:
    """A bot in the process."""
    station = asking.gateway.switchboard.station(1)
    async with trio.open_nursery() as nursery:
        await nursery.start(run_embedded_bot, station, EchoProvider(delay=0.01))
        asking.lose_link = nursery.cancel_scope.cancel
        yield
        nursery.cancel_scope.cancel()


Bot = Callable[[Asking], AbstractAsyncContextManager[None]]
# At each of how many steps: two WebSockets take many, and what they do is no part of the turn.
BOTS: Final[dict[Bot, int]] = {
    played: 1,
    polled: 1,
    busy: 1,
    linked: 4,
    embedded: 1,
}
WAYS: Final[dict[str, Callable[[Asking], None]]] = {
    "cancelled": lambda asking: asking.connection.cancel(),
    "hung up": lambda asking: asking.reader.hang_up(),
    "link lost": lambda asking: asking.lose_link(),
    "link replaced": lambda asking: asking.replace_link(),
    "revoked": Asking.revoke,
    "drained": lambda asking: asking.gateway.switchboard.end_turns(),
}


async def ask_and_cut(bot: Bot, way: str, number: int) -> bool:
    """One question, cut before this step; false where it was over by then."""
    asking = Asking()
    asking.cut = cut = CutAt(number, lambda: WAYS[way](asking))
    async with asking.gateway.services_running():
        async with bot(asking):
            await trio.testing.wait_all_tasks_blocked()
            trio.lowlevel.add_instrument(cut)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(asking.reader.read)
                nursery.start_soon(asking.serve)
                await asking.reader.ask()
            trio.lowlevel.remove_instrument(cut)
            await trio.testing.wait_all_tasks_blocked()
        if way == "link lost":  # its place was kept for the bot, who comes back now and is told
            back = FakeBot(asking.gateway.switchboard.station(1), can_cancel=True)
            with back.station.attached(back):
                pass
    assert cut.failure is None
    asking.check_reader()
    asking.check_nothing_is_left()
    if way == "link replaced":
        assert [trace.outcome for trace in asking.gateway.traces] == [Outcome.ANSWERED]
    return cut.has_cut


# Only a played bot is there again in the same instant.
CUTS: Final = [
    (bot, way)
    for bot in BOTS
    for way in WAYS
    if way != "link replaced" or bot in (played, polled, busy)
]


@pytest.mark.parametrize(("bot", "way"), CUTS, ids=lambda it: getattr(it, "__name__", it))
async def test_wherever_a_question_is_cut_nothing_is_left_and_no_half_of_it_is_believed(
    bot: Bot, way: str, autojump_clock: trio.testing.MockClock
) -> None:
    numbers = itertools.count(1, BOTS[bot])
    while await ask_and_cut(bot, way, number := next(numbers)):
        pass
    assert number > 20
