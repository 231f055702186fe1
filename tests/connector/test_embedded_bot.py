from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext

import pytest
import trio
from connector_fakes import Dictated, command
from trio.testing import MockClock, wait_all_tasks_blocked

from eyeclaw_trio.connector.delivery import WINDOW
from eyeclaw_trio.connector.embedded import EmbeddedLink, run_embedded_bot
from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reply_events import ReplyEvent
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.core.turn_messages import PlaceGranted, TurnMessage
from eyeclaw_trio.errors import ProviderFailed, Reason, TurnFailed
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamSummary
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.relay.station import Station
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.relay.turn import relay_turn
from eyeclaw_trio.relay.turns import OpenTurn


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(Patience(), Limits())


@asynccontextmanager
async def embedded(board: Switchboard, provider: Dictated) -> AsyncIterator[Station]:
    async with trio.open_nursery() as nursery:
        station = board.station(1)
        await nursery.start(run_embedded_bot, station, provider)
        try:
            yield station
        finally:
            nursery.cancel_scope.cancel()


@contextmanager
def asking(
    station: Station, asked: ExecuteCommand, overflow: trio.CancelScope | None = None
) -> Iterator[OpenTurn]:
    """A turn whose command is sent, as its own task does it."""
    with station.open(asked, overflow=overflow or trio.CancelScope()) as turn:
        station.send_command(turn)
        yield turn


async def receive(station: Station, turn: OpenTurn, until: type) -> list[TurnMessage]:
    """What a turn gets, up to the first message of this kind; all of it acknowledged."""
    messages: list[TurnMessage] = []
    with trio.fail_after(5):
        while not any(isinstance(message, until) for message in messages):
            new = await turn.inbox.receive()
            station.acknowledge(turn, _numbers(new))
            messages += new
    return messages


def _numbers(messages: Sequence[TurnMessage]) -> list[int]:
    chunks = (m for m in messages if isinstance(m, StreamChunk))
    return [chunk.sequence for chunk in chunks if chunk.sequence is not None]


async def test_an_embedded_bot_answers_as_a_linked_one_would(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with embedded(board, provider) as station:
        with asking(station, command()) as turn:
            provider.dictate("你好", "你", "好")
            provider.finish("你好")
            assert await receive(station, turn, StreamSummary) == [
                PlaceGranted(),
                StreamChunk("t1", "你", 0),
                StreamChunk("t1", "好", 1),
                StreamEnd("t1"),
                StreamSummary("t1", "你好", 2, "9f61d"),
            ]
    assert not board.is_online(1)


async def test_it_is_online_for_as_long_as_it_runs(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    async with embedded(board, Dictated()) as station:
        await trio.sleep(10 * board.patience.presence_timeout)
        assert station.is_online


async def test_a_turn_that_is_left_closes_the_models_request_at_once(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with embedded(board, provider) as station:
        with asking(station, command()) as turn:
            provider.dictate("你好", "半")
            await receive(station, turn, StreamChunk)
        start = trio.current_time()
        await provider.let_go("你好")
        assert trio.current_time() == start
        provider.dictate("你好", "more")
        await wait_all_tasks_blocked()
        assert station.late_messages == 0


async def test_a_command_that_comes_again_is_not_run_again(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with trio.open_nursery() as nursery:
        link: EmbeddedLink = await nursery.start(run_embedded_bot, board.station(1), provider)
        link.send(command())
        link.send(command())
        await wait_all_tasks_blocked()
        provider.finish("你好")
        await wait_all_tasks_blocked()
        link.send(command())
        await wait_all_tasks_blocked()
        assert len(provider.questions) == 1
        nursery.cancel_scope.cancel()


async def test_a_failing_model_is_told_and_the_next_question_works(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with embedded(board, provider) as station:
        provider.dictate("q1", ProviderFailed(Reason.MODEL_BUSY, "429"))
        provider.dictate("q2", RuntimeError("a bug"))
        provider.dictate("q3", "fine")
        provider.finish("q3")
        for text, reason in (("q1", "model_busy"), ("q2", "unknown")):
            with asking(station, command(text, text)) as turn:
                messages = await receive(station, turn, StreamError)
                assert isinstance(messages[-1], StreamError)
                assert messages[-1].reason == reason
        with asking(station, command("t3", "q3")) as turn:
            assert StreamChunk("t3", "fine", 0) in await receive(station, turn, StreamSummary)


async def test_many_questions_are_answered_side_by_side(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with embedded(board, provider) as station:

        async def ask(number: int) -> None:
            text = f"q{number}"
            with asking(station, command(f"t{number}", text)) as turn:
                await provider.asked(50)  # all of them are open before the first is answered
                provider.dictate(text, text)
                provider.finish(text)
                assert StreamChunk(f"t{number}", text, 0) in await receive(
                    station, turn, StreamSummary
                )

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(ask, number)


async def test_a_model_that_is_faster_than_the_reader_waits_for_it(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    """Not the reader's fault: the turn's channel must not overflow."""
    provider = Dictated()
    async with embedded(board, provider) as station:
        overflow = trio.CancelScope()
        with overflow, asking(station, command(), overflow) as turn:
            provider.dictate("你好", *["x" * 10_000] * 400)  # 4 MB
            provider.finish("你好")
            await wait_all_tasks_blocked()
            assert provider.waiting("你好") > 400 - WINDOW // 10_000 - 2
            messages = await receive(station, turn, StreamSummary)
            assert len(_numbers(messages)) == 400
        assert not overflow.cancelled_caught


async def test_an_answer_that_nobody_reads_does_not_hold_its_model_for_ever(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    provider = Dictated()
    async with embedded(board, provider) as station:
        with asking(station, command()):
            provider.dictate("你好", *["x" * 10_000] * 400)
            await provider.let_go("你好")
            assert 100 < trio.current_time() < 300


class Written:
    """A reply that keeps what it was given."""

    def __init__(self) -> None:
        self.text = ""
        self.ending: object = None

    async def open(self) -> None:
        await trio.sleep(0.001)

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        self.text += "".join(event for event in events if isinstance(event, str))
        return False

    async def drain(self) -> None:
        await trio.sleep(0.001)

    async def finish(self) -> None:
        await trio.sleep(0.001)
        self.ending = "finished"

    async def apologise(self, failure: TurnFailed) -> None:
        await trio.sleep(0.001)
        self.ending = failure

    def monitor_hangup(self, *_: object) -> AbstractContextManager[None]:
        return nullcontext()


async def test_a_whole_turn_with_a_long_answer_and_a_slow_reader_is_complete(
    board: Switchboard, autojump_clock: MockClock
) -> None:
    provider, reply = Dictated(), Written()
    pieces = [f"{number} " for number in range(9_000)]
    async with embedded(board, provider) as station:
        provider.dictate("你好", *pieces)
        provider.finish("你好")
        asked: ExecuteCommand = command()
        trace = Trace("trace_1", "t1", 1, trio.current_time())
        answer = Answer(board.patience, board.limits, trace, trio.current_time())
        await relay_turn(asked, station, reply, answer, trace)
    assert reply.text == "".join(pieces)
    assert reply.ending == "finished"
    assert trace.outcome is Outcome.ANSWERED
    assert trace.anomalies == ()
