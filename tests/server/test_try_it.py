"""The owner's question from a page: the same way as that of glasses, and the same bytes."""

from __future__ import annotations

import attrs
import pytest
import trio
from attrs import define, field
from bot_fakes import FakeBot
from fakes import OFFLINE, Gateway, assert_whole
from photo_hosts import respond
from test_photo_questions import IMAGE, gateway_with

from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.protocol.bot import StreamChunk
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster
from eyeclaw_trio.server.try_it import AT_ONCE, TriedTurn, TryItDoor


@define(eq=False)
class Page:
    """A viewer that keeps what it gets."""

    got: bytes = b""
    has_ended: bool = False
    is_stuck: bool = False
    leaves_with_the_last: bool = False
    gone: trio.Event = field(factory=trio.Event)

    async def send(self, data: bytes, *, ends: bool) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_stuck:
            await trio.sleep_forever()
        assert not self.has_ended
        self.got += data
        self.has_ended = ends
        if ends and self.leaves_with_the_last:
            self.gone.set()
            await trio.testing.wait_all_tasks_blocked()

    async def wait_until_gone(self) -> None:
        await self.gone.wait()

    @property
    def blocks(self) -> list[str]:
        return self.got.decode()[:-2].split("\n\n")


@define(eq=False)
class Trying:
    gateway: Gateway = field(factory=Gateway)
    page: Page = field(factory=Page)
    door: TryItDoor = field(init=False)
    bot: FakeBot = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.door = TryItDoor(self.gateway.reception)
        self.bot = self.gateway.bot()

    def ask(self, text: str = "你好") -> TriedTurn:
        return self.door.ask(1, text, "zh")

    @property
    def outcomes(self) -> list[Outcome | None]:
        return [trace.outcome for trace in self.gateway.traces]


async def test_a_page_gets_what_glasses_get_and_a_trace_of_its_own() -> None:
    trying = Trying()
    bot, page = trying.bot, trying.page
    with bot.station.attached(bot):
        async with trio.open_nursery() as nursery:
            tried = trying.ask("今天天气？")
            nursery.start_soon(tried.relay, page)
            [command] = await bot.wait_for_commands()
            assert command.params.message == "今天天气？"
            bot.say(StreamChunk(command.session_id, "晴", 0))
            await bot.wait_for_acknowledged(1)
            assert '"answer_stream":"晴"' in page.got.decode()
            bot.answer(command.session_id, "晴", "天")
    assert page.blocks[0] == ": connected"
    assert_whole(page.blocks, "晴天")
    [trace] = trying.gateway.traces
    assert (trace.trace_id, trace.bot_id, trace.outcome) == (tried.trace_id, 1, Outcome.ANSWERED)
    assert (trace.source, trace.message_id[:4], trace.user_id) == ("rokid", "try_", None)


async def test_a_photo_is_taken_in_as_that_of_glasses_and_no_key_is_needed() -> None:
    trying = Trying(gateway_with(respond(b"photo")))
    bot, page = trying.bot, trying.page
    with bot.station.attached(bot):
        async with trio.open_nursery() as nursery:
            tried = trying.door.ask(1, "这是什么？", "zh", "data:image/png;base64,cGhvdG8=")
            nursery.start_soon(tried.relay, page)
            [command] = await bot.wait_for_commands()
            assert command.metadata.images == (IMAGE,)
            assert command.metadata.photo_words == "这是什么？"
            bot.answer(command.session_id, "一朵花")
    assert_whole(page.blocks, "一朵花")
    assert trying.outcomes == [Outcome.ANSWERED]
    assert trying.gateway.reception.questions.taken == 0  # of what all share nothing is kept


async def test_a_photo_without_words_is_a_question_and_an_address_is_no_photo() -> None:
    trying = Trying(gateway_with(respond(b"photo")))
    bot = trying.bot
    with bot.station.attached(bot):
        async with trio.open_nursery() as nursery:
            tried = trying.door.ask(1, " ", "zh", "data:image/png;base64,cGhvdG8=")
            nursery.start_soon(tried.relay, trying.page)
            [command] = await bot.wait_for_commands()
            assert command.metadata.photo_words == "图里是什么？"
            bot.answer(command.session_id, "一朵花")
    with pytest.raises(RequestRefused) as refused:
        trying.door.ask(1, "?", "zh", "http://127.0.0.1/secret.png")
    assert refused.value.status == 400


async def test_a_bot_that_is_not_there_is_apologised_for() -> None:
    trying = Trying()
    await trying.ask().relay(trying.page)
    assert_whole(trying.page.blocks, OFFLINE)
    assert trying.outcomes == [Outcome.OFFLINE]


async def test_a_page_that_is_closed_ends_its_turn_and_tells_the_bot() -> None:
    trying = Trying()
    bot = trying.bot
    with bot.station.attached(bot):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trying.ask().relay, trying.page)
            [command] = await bot.wait_for_commands()
            trying.page.gone.set()
            await bot.wait_for_cancel()
    assert bot.cancelled == [command.session_id]
    assert trying.outcomes == [Outcome.CANCELLED]


async def test_a_page_that_leaves_with_the_last_byte_has_had_its_answer() -> None:
    trying = Trying()
    bot, trying.page.leaves_with_the_last = trying.bot, True
    with bot.station.attached(bot):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trying.ask().relay, trying.page)
            [command] = await bot.wait_for_commands()
            bot.answer(command.session_id, "晴")
    assert trying.outcomes == [Outcome.ANSWERED]


async def test_a_page_that_takes_nothing_is_a_slow_reader_after_the_write_timeout(
    autojump_clock: trio.testing.MockClock,
) -> None:
    trying = Trying(Gateway(Patience(write_timeout=3.0)))
    bot, trying.page.is_stuck = trying.bot, True
    with bot.station.attached(bot):
        await trying.ask().relay(trying.page)
    assert trying.outcomes == [Outcome.SLOW_READER]
    assert trio.current_time() == pytest.approx(3.0)


async def test_the_owners_question_hangs_on_no_key_and_ends_with_its_bot() -> None:
    trying = Trying()
    bot, gateway = trying.bot, trying.gateway
    revocation = Revocation(gateway.switchboard, Roster(gateway.answers, chats=LiveSet()))
    with bot.station.attached(bot):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trying.ask().relay, trying.page)
            [command] = await bot.wait_for_commands()
            await revocation.enforce(attrs.evolve(gateway.directory, keys=()))
            bot.say(StreamChunk(command.session_id, "还在", 0))
            await bot.wait_for_acknowledged(1)
            await revocation.enforce(attrs.evolve(gateway.directory, bots={}))
    assert "还在" in trying.page.got.decode()
    assert trying.outcomes == [Outcome.REJECTED]


@pytest.mark.parametrize("text", ["", "  \n ", "\ud800"])
async def test_what_is_no_text_is_refused(text: str) -> None:
    trying = Trying()
    with pytest.raises(RequestRefused) as refused:
        trying.ask(text)
    assert refused.value.status == 400
    assert not trying.gateway.traces


async def test_a_bot_that_there_is_not_is_refused() -> None:
    with pytest.raises(RequestRefused) as refused:
        Trying().door.ask(99, "你好", "zh")
    assert refused.value.status == 404


async def test_nothing_begins_while_the_gateway_stops_or_too_many_are_asked() -> None:
    trying = Trying()
    bot = trying.gateway.bot(capacity=AT_ONCE)
    with bot.station.attached(bot):
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(trying.ask().relay, Page())
            await bot.wait_for_commands(AT_ONCE)
            with pytest.raises(RequestRefused) as refused:
                trying.ask()
            assert refused.value.status == 503
            nursery.cancel_scope.cancel()
        trying.gateway.is_draining = True
        with pytest.raises(RequestRefused) as refused:
            trying.ask()
        assert refused.value.status == 503
    assert trying.outcomes == [Outcome.INTERRUPTED] * AT_ONCE
