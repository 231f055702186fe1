"""Answers that outlive their reader, over memory streams and in virtual time (PROTOCOL 7): pushed
whole and once, or told as lost in the trace."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from attrs import define, field
from bot_fakes import FakeBot
from fakes import Gateway, Glasses, assert_whole, question, read_events, spoken
from push_fakes import FakePlatform
from trio.testing import MockClock

from eyeclaw_trio.core.manners import BotManners, Manners
from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.errors import PushFailed
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError
from eyeclaw_trio.server.glasses import PATHS, GlassesDoor
from eyeclaw_trio.server.late import AT_ONCE, LateTurns
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster

LATER = "我做好后告诉你。"


@define(eq=False)
class LateGateway(Gateway):
    """A gateway whose bot `home` may be late."""

    patience: Patience = field(factory=lambda: Patience(late_timeout=600))
    platform: FakePlatform = field(factory=FakePlatform)
    late: LateTurns = field(init=False)
    linked: FakeBot = field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.late = LateTurns(self.platform, self.reception, frozenset({"home"}))
        door = GlassesDoor(self.reception, late=self.late)
        self.open_doors({path: {"POST": door.answer} for path in PATHS})
        self.linked = self.bot(can_cancel=True)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FakeBot]:
        """Turns may be late inside; its bot is linked. Leaving cuts off what still runs."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.late.run)
            with self.linked.station.attached(self.linked):
                yield self.linked
            nursery.cancel_scope.cancel()

    async def ask(self, glasses: Glasses, **fields: Any) -> str:
        """Ask on this connection; the turn, once its bot has the question and the reader the
        comment."""
        count = len(self.linked.commands)
        await glasses.send(question(**fields))
        await glasses.receive_head()
        assert await glasses.receive_event() == ": connected"
        return (await self.linked.wait_for_commands(count + 1))[count].session_id

    @property
    def pushed(self) -> list[str]:
        return [message.content for message in self.platform.sent]


def chunks(turn: str, *texts: str, first: int = 0) -> list[StreamChunk]:
    return [StreamChunk(turn, text, number) for number, text in enumerate(texts, first)]


async def settle(gateway: LateGateway) -> Trace:
    """The only trace, once its turn is over."""
    await gateway.answers.wait_for_none()
    [trace] = gateway.traces
    return trace


async def test_a_reader_who_stays_gets_the_answer_and_nothing_is_pushed() -> None:
    gateway = LateGateway()
    async with gateway.open() as bot, gateway.glasses() as glasses:
        turn = await gateway.ask(glasses)
        bot.answer(turn, "湖光", "秋月")
        assert_whole(await glasses.receive_answer(), "湖光秋月")
        trace = await settle(gateway)
        assert (trace.outcome, trace.chunks_written) == (Outcome.ANSWERED, 2)
        gateway.traces.clear()
        turn = await gateway.ask(glasses)  # the connection is as good as before
        bot.answer(turn, "湖")
        assert_whole(await glasses.receive_answer(), "湖")
        await settle(gateway)
    assert gateway.pushed == []


@pytest.mark.parametrize("heard", [0, 1, 3])
async def test_whoever_hangs_up_gets_the_whole_answer_pushed_once(heard: int) -> None:
    gateway = LateGateway()
    texts = ["湖光", "秋月", "两相和"]
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
            bot.say(*chunks(turn, *texts[:heard]))
            for _ in range(heard):
                await glasses.receive_event()
        await trio.testing.wait_all_tasks_blocked()
        assert bot.cancelled == []
        bot.say(*chunks(turn, *texts[heard:], first=heard))
        await bot.wait_for_acknowledged(3)
        bot.say(StreamEnd(turn))
        trace = await settle(gateway)
    assert gateway.pushed == ["湖光秋月两相和"]
    [message] = gateway.platform.sent
    assert (message.user_id, message.agent_id) == ("user_123", "1")
    assert message.message_id == f"push_{turn}"
    assert (trace.outcome, trace.source) == (Outcome.LATE, "rokid")
    assert bot.cancelled == []


async def test_wherever_the_reader_leaves_not_a_character_is_lost_or_doubled() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(40):
        gateway = LateGateway()
        texts = [dice.choice("湖光秋月两相和😀 \n") * dice.randint(1, 9) for _ in range(20)]
        texts[0] = "潭面" + texts[0]
        leaves_at = dice.randint(0, 20)
        async with gateway.open() as bot:
            async with gateway.glasses() as glasses:
                turn = await gateway.ask(glasses)
                for number in range(leaves_at):
                    bot.say(StreamChunk(turn, texts[number], number))
                    if dice.random() < 0.5:
                        await glasses.receive_event()
                if dice.random() < 0.5:
                    await trio.testing.wait_all_tasks_blocked()
            for number in range(leaves_at, 20):
                bot.say(StreamChunk(turn, texts[number], number))
                if dice.random() < 0.3:
                    await trio.testing.wait_all_tasks_blocked()
            bot.say(StreamEnd(turn))
            trace = await settle(gateway)
        assert gateway.pushed == ["".join(texts).strip()]
        assert trace.outcome is Outcome.LATE


async def test_silence_is_ended_with_a_sentence_and_the_answer_comes_later(
    autojump_clock: MockClock,
) -> None:
    gateway = LateGateway(patience=Patience(late_after=20, keepalive=7))
    async with gateway.open() as bot, gateway.glasses() as glasses:
        began = trio.current_time()
        turn = await gateway.ask(glasses)
        blocks = await glasses.receive_answer()
        assert trio.current_time() == began + 20
        assert spoken(blocks) == LATER
        name, data = read_events(blocks)[-2]
        assert (name, data["answer_stream"], data["is_finish"]) == ("message", LATER, True)
        assert read_events(blocks)[-1][0] == "done"
        # The reader asks something else on the same connection meanwhile.
        second = gateway.bot(can_cancel=True)
        with second.station.attached(second):
            await trio.sleep(300)
            bot.answer(turn, "做好了")
            await gateway.answers.wait_for_none()
    assert gateway.pushed == ["做好了"]
    assert gateway.traces[0].outcome is Outcome.LATE


async def test_once_a_word_has_come_nobody_is_sent_away(autojump_clock: MockClock) -> None:
    gateway = LateGateway(patience=Patience(late_after=5, idle_timeout=60))
    async with gateway.open() as bot, gateway.glasses() as glasses:
        turn = await gateway.ask(glasses)
        bot.say(*chunks(turn, "等"))
        await trio.sleep(30)
        bot.say(*chunks(turn, "到了", first=1), StreamEnd(turn))
        assert_whole(await glasses.receive_answer(), "等到了")
        assert (await settle(gateway)).outcome is Outcome.ANSWERED
    assert gateway.pushed == []


async def test_a_bot_has_so_long_from_the_readers_leaving_and_may_be_silent_till_then(
    autojump_clock: MockClock,
) -> None:
    gateway = LateGateway(patience=Patience(late_timeout=600, presence_timeout=9_999))
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
        left_at = trio.current_time()
        await trio.sleep(599)
        bot.answer(turn, "十分钟")
        assert (await settle(gateway)).outcome is Outcome.LATE
        gateway.traces.clear()
        async with gateway.glasses() as glasses:
            await gateway.ask(glasses)
        left_at = trio.current_time()
        trace = await settle(gateway)
        assert trio.current_time() == left_at + 600
    assert (trace.outcome, trace.reason) == (Outcome.TIMEOUT, "late_timeout")
    assert gateway.pushed == ["十分钟"]
    await trio.testing.wait_all_tasks_blocked()
    assert len(bot.cancelled) == 1


async def test_an_answer_that_broke_off_is_not_pushed() -> None:
    gateway = LateGateway()
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
            bot.say(*chunks(turn, "湖"))
            await glasses.receive_event()
        await trio.testing.wait_all_tasks_blocked()
        bot.say(StreamError(turn, "fell over"))
        trace = await settle(gateway)
    assert trace.outcome is Outcome.BOT_ERROR
    assert gateway.pushed == []


@pytest.mark.parametrize(
    "fields",
    [{"user_id": None}, {"agent_id": "other"}],
    ids=["nobody to push to", "a bot that is not late"],
)
async def test_other_turns_end_with_their_reader_as_before(fields: dict[str, Any]) -> None:
    gateway = LateGateway()
    other = gateway.bot(2, can_cancel=True)
    async with gateway.open() as bot:
        with other.station.attached(other):
            asked = other if fields.get("agent_id") == "other" else bot
            async with gateway.glasses() as glasses:
                await glasses.send(question(**fields))
                await asked.wait_for_commands()
            await asked.wait_for_cancel()
        assert (await settle(gateway)).outcome is Outcome.CANCELLED
    assert gateway.pushed == []


async def test_what_the_platform_does_not_take_is_told_as_lost() -> None:
    failure = PushFailed("push_refused", "code 0")
    gateway = LateGateway(platform=FakePlatform([failure]))
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
        bot.answer(turn, "湖")
        trace = await settle(gateway)
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, "push_refused")
    assert [each.kind.value for each in trace.events][-2:] == ["push_attempted", "finished"]


async def test_a_revoked_key_ends_a_turn_without_a_reader() -> None:
    gateway = LateGateway()
    roster = Roster(answers=gateway.answers, chats=LiveSet())
    revocation = Revocation(gateway.switchboard, roster)
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
        await trio.testing.wait_all_tasks_blocked()
        bot.say(*chunks(turn, "湖"))
        keys = tuple(attrs.evolve(key, is_active=False) for key in gateway.directory.keys)
        gateway.directory = attrs.evolve(gateway.directory, keys=keys)
        await revocation.enforce(gateway.directory)
        trace = await settle(gateway)
    assert trace.outcome is Outcome.REJECTED
    assert gateway.pushed == []


async def test_a_key_that_is_gone_when_the_answer_is_whole_pushes_nothing() -> None:
    gateway = LateGateway()
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
        await trio.testing.wait_all_tasks_blocked()
        keys = tuple(attrs.evolve(key, is_active=False) for key in gateway.directory.keys)
        gateway.directory = attrs.evolve(gateway.directory, keys=keys)
        bot.answer(turn, "湖")
        trace = await settle(gateway)
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, "key_revoked")
    assert gateway.pushed == []


async def test_a_flood_of_leaving_readers_is_bounded_and_each_turn_is_accounted_for() -> None:
    gateway = LateGateway()
    bot = gateway.bot(can_cancel=True, capacity=AT_ONCE * 2)
    gateway.linked = bot
    turns = 300
    async with gateway.open():
        for _ in range(turns):
            async with gateway.glasses() as glasses:
                await gateway.ask(glasses)
        await trio.testing.wait_all_tasks_blocked()
        # One key alone leaves room for others.
        assert gateway.answers.count == AT_ONCE // 2
        for command in bot.commands:
            if command.session_id not in bot.cancelled:
                bot.answer(command.session_id, "湖")
        await gateway.answers.wait_for_none()
    outcomes = [trace.outcome for trace in gateway.traces]
    assert outcomes.count(Outcome.LATE) == len(gateway.pushed) == AT_ONCE // 2
    assert outcomes.count(Outcome.CANCELLED) == turns - AT_ONCE // 2


async def test_a_gateway_that_stops_says_of_each_late_turn_that_it_was_cut_off() -> None:
    gateway = LateGateway()
    async with gateway.open():
        async with gateway.glasses() as glasses:
            await gateway.ask(glasses)
        await trio.testing.wait_all_tasks_blocked()
        gateway.switchboard.end_turns()  # the drain is over
        trace = await settle(gateway)
        assert (trace.outcome, trace.reason) == (Outcome.INTERRUPTED, "stopping")
        gateway.traces.clear()
        async with gateway.glasses() as glasses:
            await gateway.ask(glasses)
        await trio.testing.wait_all_tasks_blocked()
    assert [trace.outcome for trace in gateway.traces] == [Outcome.INTERRUPTED]
    assert gateway.pushed == []


async def test_a_long_answer_is_pushed_in_bounded_memory() -> None:
    gateway = LateGateway()
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(100):
            bot.say(StreamChunk(turn, "x" * 1_000, number))
            await trio.testing.wait_all_tasks_blocked()
        bot.say(StreamEnd(turn))
        await settle(gateway)
    assert gateway.pushed == ["x" * 1_999 + "…"]


async def test_what_was_cleaned_on_its_way_is_not_cleaned_once_more_for_the_push() -> None:
    gateway = LateGateway()
    occasions = attrs.evolve(
        gateway.reception.occasions, manners=Manners(BotManners(speaks_clean=True))
    )
    gateway.late.reception = attrs.evolve(gateway.reception, occasions=occasions)
    async with gateway.open() as bot:
        async with gateway.glasses() as glasses:
            turn = await gateway.ask(glasses)
        await trio.testing.wait_all_tasks_blocked()
        bot.answer(turn, "**在**这里：`__name__`")
        await settle(gateway)
    assert gateway.pushed == ["在这里：__name__"]
