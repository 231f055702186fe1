"""Trigger and poll over memory streams, in virtual time (PROTOCOL 3; RELIABILITY 24, 30)."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from asking_gate import AskingGate
from fakes import LIMITED_KEY, OFFLINE, SILENT, question
from trio.testing import MockClock
from worker_fakes import OTHER_KEY, WorkerGateway, poll, poll_target, text_of, trigger

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.routing import WearerRules
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd
from eyeclaw_trio.relay.turn_log import KEPT_FOR, TurnLogs
from eyeclaw_trio.server.worker import POLL_WAITS, TRIGGER_PATH, TriggerDoor


async def test_a_trigger_says_which_turn_it_began_and_the_bot_is_asked() -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    async with gateway.open(), gateway.glasses() as glasses:
        with bot.station.attached(bot):
            status, told = await trigger(glasses, question("湖上有什么？"))
            [command] = await bot.wait_for_commands()
            assert status == 200
            assert told == {"bot_id": 1, "session_id": command.session_id, "status": "triggered"}
            assert command.params.message == "湖上有什么？"
            bot.answer(command.session_id, "湖光", "秋月")
            # Written, because it is in the log; nobody has come to read it.
            await bot.wait_for_acknowledged(2)
            await gateway.answers.wait_for_none()
    [trace] = gateway.traces
    assert (trace.source, trace.outcome, trace.chunks_written) == ("trigger", Outcome.ANSWERED, 2)
    assert bot.cancelled == []


async def test_what_was_said_before_the_poller_came_is_there_and_then_what_is_new() -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            turn = await gateway.turn()
            bot.say(StreamChunk(turn, "湖光", 0), StreamChunk(turn, "秋月", 1))
            await bot.wait_for_acknowledged(2)
            status, first = await poll(glasses, turn)
            assert status == 200
            for entry in first:
                assert entry.pop("timestamp").endswith("+00:00")
            assert first == [
                {"id": 1, "type": "stream_chunk", "content": "湖光"},
                {"id": 2, "type": "stream_chunk", "content": "秋月"},
            ]
            async with trio.open_nursery() as nursery:

                async def answer_later() -> None:
                    await trio.testing.wait_all_tasks_blocked()
                    bot.say(StreamChunk(turn, "两相和", 2))

                nursery.start_soon(answer_later)
                _, second = await poll(glasses, turn, 2)
            assert [(each["id"], each["content"]) for each in second] == [(3, "两相和")]
            bot.say(StreamEnd(turn))
            _, [last] = await poll(glasses, turn, 3)
            assert (last["id"], last["type"], last["content"]) == (4, "stream_end", "")
            # Behind the last there is nothing, at once; and from the start all of it again.
            assert await poll(glasses, turn, 4) == (200, [])
            assert await poll(glasses, turn, 400) == (200, [])
            _, again = await poll(glasses, turn)
            assert text_of(again) == "湖光秋月两相和"
            assert again[-1] == last


async def test_of_pollers_who_hear_the_same_word_some_go_on_at_a_time() -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses, trio.open_nursery() as nursery:
            turn = await gateway.turn()
            heard: list[Any] = []

            async def hear() -> None:
                heard.append(await poll(glasses, turn))

            nursery.start_soon(hear)
            await trio.testing.wait_all_tasks_blocked()
            gateway.front_door.newcomers.asking = gate = AskingGate()
            bot.say(StreamChunk(turn, "湖光", 0))
            await trio.testing.wait_all_tasks_blocked()
            assert (gate.asked, heard) == (1, [])
            gate.opened.set()
        assert text_of(heard[0][1]) == "湖光"


async def test_a_poll_waits_25_seconds_and_then_says_that_nothing_has_come(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            turn = await gateway.turn()
            began = trio.current_time()
            assert await poll(glasses, turn) == (200, [])
            assert trio.current_time() - began == POLL_WAITS == 25.0
            # Keep-alive comments are no part of an answer.
            assert await poll(glasses, turn) == (200, [])
            _, [error] = await poll(glasses, turn)  # by now the bot has been silent too long
            assert trio.current_time() - began == 60
            assert (error["type"], error["content"], error["error"]) == (
                *("stream_error", SILENT),
                SILENT,
            )


async def test_a_poller_that_hangs_up_is_not_waited_for(autojump_clock: MockClock) -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open():
            turn = await gateway.turn()
            began = trio.current_time()
            async with gateway.glasses() as glasses:
                target = poll_target(turn)
                await glasses.send(method="GET", target=target)
                await trio.sleep(1)
            assert trio.current_time() - began == 1  # leaving has waited for the gateway's side
            async with gateway.glasses() as glasses:
                bot.answer(turn, "还在")
                assert text_of((await poll(glasses, turn))[1]) == "还在"


async def test_a_rerun_of_the_same_trigger_is_a_turn_of_its_own() -> None:
    gateway = WorkerGateway()
    bot = gateway.bot(capacity=2)
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            first, second = await gateway.turn(), await gateway.turn()
            assert first != second
            for turn, text in ((second, "二"), (first, "一")):
                await bot.wait_for_commands(2)
                bot.answer(turn, text)
                assert text_of((await poll(glasses, turn))[1]) == text


async def test_whoever_triggers_and_never_comes_is_forgotten_in_time(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open():
            turn = await gateway.turn()
            await bot.wait_for_commands()
            bot.answer(turn, "没人来")
            await gateway.answers.wait_for_none()
            await trio.sleep(KEPT_FOR - 0.1)
            async with gateway.glasses() as glasses:
                assert text_of((await poll(glasses, turn))[1]) == "没人来"
                await trio.sleep(0.2)
                assert (await poll(glasses, turn))[0] == 404
            assert len(gateway.turns) == 0


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"key": None}, 401),
        ({"key": "ak_wrong"}, 401),
        ({"body": b"no json"}, 400),
        ({"body": {"agent_id": "1"}}, 400),
        ({"body": question(bot_id="x")}, 400),
        ({"body": question(bot_id=99)}, 404),
        ({"body": question(bot_id=1), "key": LIMITED_KEY}, 403),
        ({"body": b"x" * 2_000}, 413),
        ({"headers": [("Content-Type", "text/plain")]}, 415),
    ],
)
async def test_a_trigger_is_refused_as_a_question_of_glasses_is(
    change: dict[str, Any], status: int
) -> None:
    gateway = WorkerGateway(limits=Limits(request_body=1_000))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            refused, told = await trigger(glasses, **change)
    assert refused == status
    assert set(told) == {"error", "detail"}
    if status == 404:
        assert told["error"] == "Bot not found"
    assert bot.commands == []
    assert len(gateway.turns) == 0


async def test_a_bot_that_is_offline_is_a_503_with_the_wearers_text_and_a_trace() -> None:
    gateway = WorkerGateway()
    async with gateway.open(), gateway.glasses() as glasses:
        for language, text in (("zh", OFFLINE), ("en", "The bot is offline.")):
            body = question(metadata={"lang": language})
            status, told = await trigger(glasses, body)
            assert (status, told["error"]) == (503, "Bot offline")
            assert told["detail"].startswith(text)
    assert [trace.outcome for trace in gateway.traces] == [Outcome.OFFLINE] * 2


async def test_while_draining_nothing_is_triggered_and_running_turns_are_read_to_their_end() -> (
    None
):
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            turn = await gateway.turn()
            bot.say(StreamChunk(turn, "一", 0))
            await bot.wait_for_acknowledged(1)
            gateway.is_draining = True
            assert (await trigger(glasses))[0] == 503
            async with gateway.glasses() as poller:
                assert text_of((await poll(poller, turn))[1]) == "一"
                bot.say(StreamChunk(turn, "二", 1), StreamEnd(turn))
                assert text_of((await poll(poller, turn, 1))[1]) == "二"


async def test_more_turns_than_can_be_kept_are_refused_and_kept_ones_stay() -> None:
    gateway = WorkerGateway(turns=TurnLogs(kept=Shares(2)))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            turn = await gateway.turn()
            await glasses.send(target="/api/rokid/trigger")
            response = await glasses.receive_head()
            assert response.status_code == 503
            assert dict(response.headers)[b"retry-after"] == b"5"
            await glasses.receive_body()
            bot.answer(turn, "留着")
            assert text_of((await poll(glasses, turn))[1]) == "留着"
            # Another key has its part of what can be kept.
            assert (await trigger(glasses, key=OTHER_KEY))[0] == 200


@pytest.mark.parametrize(
    ("target", "headers", "faults"),
    [
        ("/api/rokid/poll", [], {"bot_id", "session_id"}),
        ("/api/rokid/poll?bot_id=1", [], {"session_id"}),
        ("/api/rokid/poll?bot_id=&session_id=", [], {"bot_id", "session_id"}),
        ("/api/rokid/poll?bot_id=one&session_id=x", [], {"bot_id"}),
        (poll_target("x"), [("Last-Event-ID", "-1")], {"Last-Event-ID"}),
        (poll_target("x"), [("Last-Event-ID", "1.5")], {"Last-Event-ID"}),
        (poll_target("x"), [("Last-Event-ID", b"\xb2")], {"Last-Event-ID"}),
        (poll_target("x"), [("Last-Event-ID", "9" * 19)], {"Last-Event-ID"}),
    ],
)
async def test_a_poll_that_is_wrong_is_told_what_is_wrong(
    target: str, headers: list[tuple[str, Any]], faults: set[str]
) -> None:
    async with WorkerGateway().glasses() as glasses:
        await glasses.send(method="GET", target=target, headers=headers)
        assert (await glasses.receive_head()).status_code == 400
        assert set(json.loads(await glasses.receive_body())["detail"]) == faults


async def test_a_poll_by_head_is_no_poll() -> None:
    async with WorkerGateway().glasses() as glasses:
        await glasses.send(method="HEAD", target=poll_target("x"))
        response = await glasses.receive_head()
        assert response.status_code == 405
        assert dict(response.headers)[b"allow"] == b"GET"


async def test_row_24_unknown_foreign_and_expired_turns_are_told_alike(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway()
    bot, other = gateway.bot(1), gateway.bot(2)

    async def refusal(turn: str, **fields: Any) -> bytes:
        """The whole response but its date."""
        async with gateway.glasses() as glasses:
            assert (await poll(glasses, turn, **fields))[0] == 404
            lines = glasses.raw.split(b"\r\n")
            return b"\r\n".join(each for each in lines if not each.startswith(b"Date: "))

    with bot.station.attached(bot), other.station.attached(other):
        async with gateway.open():
            turn, foreign = await gateway.turn(), await gateway.turn(body=question(bot_id=2))
            unknown = await refusal("0" * 32)
            assert await refusal(turn, key=OTHER_KEY) == unknown
            assert await refusal(turn, key=LIMITED_KEY) == unknown
            assert await refusal(foreign, bot_id=2, key=LIMITED_KEY) == unknown
            assert await refusal(turn, bot_id=2) == unknown
            assert await refusal(turn, bot_id=99) == unknown
            bot.answer(turn, "完")
            await trio.sleep(KEPT_FOR + 1)
            assert await refusal(turn) == unknown


async def test_a_wearer_who_may_not_ask_or_is_not_bound_triggers_nothing() -> None:
    for rules, detail in (
        (WearerRules(frozenset({"anna"})), "你还不能使用这副助手，请联系它的主人。"),
        (WearerRules(requires_binding=True), "你还没有绑定 Bot，请联系它的主人。"),
    ):
        gateway = WorkerGateway()
        reception = attrs.evolve(gateway.reception, wearer_rules=rules)
        door = TriggerDoor(reception, gateway.turns)
        gateway.open_doors({TRIGGER_PATH: {"POST": door.answer}})
        bot = gateway.bot()
        async with trio.open_nursery() as nursery:
            await nursery.start(door.run)
            with bot.station.attached(bot):
                async with gateway.glasses() as glasses:
                    status, told = await trigger(glasses, question())
                    assert (status, told["detail"]) == (403, detail)
                    if rules.requires_binding:  # but whoever names the bot needs no binding
                        status, _ = await trigger(glasses, question(bot_id=1))
                        assert status == 200
            nursery.cancel_scope.cancel()
        assert gateway.traces[0].outcome is Outcome.REJECTED
