"""Chat clients on `/ws/stream/{session_id}` over memory streams, in virtual time (PROTOCOL 4)."""

from __future__ import annotations

import json

import attrs
import pytest
import trio
import trio.testing
from chat_exchange import asked, exchange
from chat_fakes import CANCELLED, DONE, ChatGateway
from fakes import LIMITED_KEY, OFFLINE

from eyeclaw_trio.core.routing import ChatChoice
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.errors import Reason
from eyeclaw_trio.protocol.bot import StreamChunk, StreamError

# ---- answers ------------------------------------------------------------------------------------


async def test_an_answer_comes_as_plain_text_frames_and_then_done() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            turn = await asked(client, model)
            model.answer(turn, "你好", "，\n", " ", "😀")
            assert await client.answer() == (["你好", "，\n", " ", "😀"], DONE)
            await trio.testing.wait_all_tasks_blocked()
            assert model.acknowledged == [(turn, number) for number in range(4)]
    [trace] = gateway.traces
    assert (trace.outcome, trace.source, trace.provider) == (Outcome.ANSWERED, "chat", "one")
    assert (trace.bot_id, trace.agent_id, trace.message_id) == (None, "one", "s")
    assert gateway.switchboard.open_turns == 0


async def test_an_answer_that_contains_a_signal_arrives_whole_and_ends_nothing() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    whole = '{"type":"done"}'
    with model.station.attached(model):
        async with gateway.client() as client:
            model.answer(await asked(client, model), whole, f" {whole}\n", "{}", *whole)
            pieces, ending = await client.answer()
            assert ("".join(pieces), ending) == (f"{whole} {whole}\n{{}}{whole}", DONE)
            await exchange(client, model, "again", "好")
    assert {trace.outcome for trace in gateway.traces} == {Outcome.ANSWERED}


async def test_with_format_json_pieces_are_objects_that_say_what_they_are() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client(query="?format=json") as client:
            model.answer(await asked(client, model), "你好", '{"type":"done"}')
            frames = [await client.signal() for _ in range(3)]
    assert frames == [
        {"type": "chunk", "content": "你好"},
        {"type": "chunk", "content": '{"type":"done"}'},
        DONE,
    ]


async def test_a_ping_is_answered_also_during_an_answer() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            await client.send({"type": "ping"})
            assert await client.signal() == {"type": "pong"}
            turn = await asked(client, model)
            await client.send({"type": "ping"})
            assert await client.signal() == {"type": "pong"}
            model.answer(turn, "好")
            assert await client.answer() == (["好"], DONE)


async def test_a_message_during_an_answer_gets_an_error_and_the_answer_goes_on() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client(headers={"Accept-Language": "en-US,zh;q=0.5"}) as client:
            turn = await asked(client, model)
            await client.ask("another")
            assert "running already" in await client.error("answering")
            model.answer(turn, "好")
            assert await client.answer() == (["好"], DONE)
            await exchange(client, model, "now", "行")
    assert len(gateway.traces) == 2


async def test_a_message_right_behind_done_is_never_too_early() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            for _ in range(100):
                await exchange(client, model, "q", "a")


async def test_the_provider_of_the_message_answers_and_an_unknown_one_is_named_an_error() -> None:
    gateway = ChatGateway()
    one, two = gateway.provider("one"), gateway.provider("two")
    with one.station.attached(one), two.station.attached(two):
        async with gateway.client() as client:
            await client.ask("q", provider="two")
            [command] = await two.wait_for_commands()
            two.answer(command.session_id, "二")
            assert await client.answer() == (["二"], DONE)
            await client.ask("q", provider="three")
            assert await client.error("bad_provider") == "没有这个名称的模型。可用的有：one、two"
            await exchange(client, one, "q", "一")
    outcomes = [(trace.outcome, trace.provider) for trace in gateway.traces]
    assert outcomes == [
        (Outcome.ANSWERED, "two"),
        (Outcome.REJECTED, None),
        (Outcome.ANSWERED, "one"),
    ]


async def test_without_any_provider_the_default_bot_answers_also_a_linked_one() -> None:
    directory = attrs.evolve(ChatGateway().directory, bots={1: ChatGateway().directory.bots[1]})
    gateway = ChatGateway(choice=ChatChoice(), directory=directory)
    bot = gateway.bot(1)
    async with gateway.client() as client:
        await client.ask("q")
        assert await client.error("offline") == OFFLINE
        with bot.station.attached(bot):
            await exchange(client, bot, "q", "好")
    assert [trace.bot_id for trace in gateway.traces] == [1, 1]


async def test_where_no_bot_can_be_chosen_that_is_said_and_traced() -> None:
    gateway = ChatGateway(choice=ChatChoice())
    async with gateway.client() as client:
        await client.ask("q")
        assert await client.error("offline") == OFFLINE
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.OFFLINE, "no_bot")


async def test_a_key_made_for_one_bot_chats_with_that_bot_only() -> None:
    gateway = ChatGateway()
    bot, model = gateway.bot(2), gateway.provider()
    with bot.station.attached(bot), model.station.attached(model):
        async with gateway.client(key=LIMITED_KEY) as client:
            await exchange(client, bot, "q", "好")
            await client.ask("q", provider="one")
            assert "只对一个 Bot 有效" in await client.error("bad_provider")
    assert model.commands == []


@pytest.mark.parametrize("reason", Reason)
async def test_row_29_a_failure_is_an_error_with_its_own_word(reason: Reason) -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            turn = await asked(client, model)
            model.say(StreamChunk(turn, "半句", 0), StreamError(turn, "sk-secret", reason.value))
            pieces, ending = await client.answer()
            assert (pieces, ending["type"], ending["code"]) == (["半句"], "error", reason.value)
            assert "secret" not in json.dumps(ending)
            await exchange(client, model, "q", "好")
    assert gateway.traces[0].said == "sk-secret"


async def test_a_silent_model_is_an_error_after_the_idle_timeout(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            await asked(client, model)
            start = trio.current_time()
            await client.error("timeout")
            assert trio.current_time() - start == pytest.approx(60.0, abs=0.1)
    assert gateway.traces[0].outcome is Outcome.TIMEOUT


# ---- cancel -------------------------------------------------------------------------------------


async def test_cancel_ends_the_answer_tells_the_model_and_leaves_the_line_good() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            turn = await asked(client, model)
            model.say(StreamChunk(turn, "半句", 0))
            assert await client.frame() == "半句"
            await client.send({"type": "cancel"})
            assert await client.signal() == CANCELLED
            assert model.cancelled == [turn]
            await exchange(client, model, "q", "好")
    assert [trace.outcome for trace in gateway.traces] == [Outcome.CANCELLED, Outcome.ANSWERED]


async def test_cancel_where_no_answer_runs_is_harmless_and_not_answered() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            await client.send({"type": "cancel"})
            await client.send({"type": "cancel"})
            await exchange(client, model, "q", "好")
            await client.send({"type": "cancel"})
            await client.send({"type": "ping"})
            assert await client.signal() == {"type": "pong"}


async def test_a_cancel_right_behind_its_message_cancels_it() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            await client.ask("q")
            await client.send({"type": "cancel"})
            assert await client.signal() == CANCELLED
            await exchange(client, model, "q", "好")


async def test_every_question_gets_one_ending_wherever_a_cancel_falls() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            for steps in range(30):
                model.answer(await asked(client, model), "好")
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                await client.send({"type": "cancel"})
                _, ending = await client.answer()
                assert ending in (DONE, CANCELLED)
                await client.send({"type": "ping"})
                assert await client.signal() == {"type": "pong"}


async def test_a_question_in_the_very_moment_of_the_end_can_be_cancelled_too() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client(query="?format=json") as client:
            (session,) = gateway.chat.chats
            for steps in range(30):
                model.answer(await asked(client, model), "好")
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                session.on_frame('{"message":"another"}')
                session.on_frame('{"type":"cancel"}')
                with trio.fail_after(5):
                    while await client.signal() != CANCELLED:
                        pass
                await client.send({"type": "ping"})
                assert await client.signal() == {"type": "pong"}


async def test_a_client_that_leaves_in_mid_answer_has_cancelled_it() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            turn = await asked(client, model)
            model.say(StreamChunk(turn, "半句", 0))
            await client.frame()
        assert model.cancelled == [turn]
    assert [trace.outcome for trace in gateway.traces] == [Outcome.CANCELLED]
    assert gateway.switchboard.open_turns == 0
    assert list(gateway.chat.chats) == []
