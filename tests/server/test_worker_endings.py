"""How a triggered turn may end, and answers that are long."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing
from fakes import BUSY, FAILED, KEY, Glasses
from trio.testing import MockClock
from worker_fakes import OTHER_KEY, WorkerGateway, poll, poll_target, text_of

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError
from eyeclaw_trio.relay.turn_log import BATCH, LOG_LIMIT
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster


async def test_an_error_of_the_bot_is_the_last_entry_behind_what_it_said() -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            turn = await gateway.turn()
            bot.say(StreamChunk(turn, "半句", 0), StreamError(turn, "secret reason"))
            await gateway.answers.wait_for_none()
            _, entries = await poll(glasses, turn)
    assert text_of(entries) == "半句"
    assert (entries[-1]["type"], entries[-1]["error"]) == ("stream_error", FAILED)
    assert "secret" not in json.dumps(entries)


async def test_an_answer_that_is_too_long_ends_with_an_error_and_never_with_a_hole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = WorkerGateway()
    bot = gateway.bot(can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            turn = await gateway.turn()
            await bot.wait_for_commands()
            pieces = [f"{n:06}" * 20_000 for n in range(50)]
            for n, piece in enumerate(pieces):
                bot.say(StreamChunk(turn, piece, n))
                await bot.wait_for_acknowledged(n + 1)
            await bot.wait_for_cancel()
            entries: list[Any] = []
            while not entries or entries[-1]["type"] == "stream_chunk":
                _, more = await poll(glasses, turn, len(entries))
                entries += more
    said = text_of(entries)
    assert said == "".join(pieces)[: len(said)]
    assert 3_500_000 < len(said) < LOG_LIMIT
    assert entries[-1]["error"] == "回答过长，已中断。"
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, "too_long")


async def test_a_full_queue_is_told_in_the_log() -> None:
    gateway = WorkerGateway(limits=Limits(queued_turns=1))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            for _ in range(2):
                await gateway.turn()
            _, [last] = await poll(glasses, await gateway.turn())
            assert (last["type"], last["error"]) == ("stream_error", BUSY)


async def test_a_bug_in_one_turn_is_logged_and_ends_that_one_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            with monkeypatch.context() as patched:
                patched.setattr("eyeclaw_trio.server.reception.make_command", lambda *_: 1 / 0)
                turn = await gateway.turn()
            _, [last] = await poll(glasses, turn)
            assert (last["type"], last["error"]) == ("stream_error", FAILED)
            healthy = await gateway.turn()
            await bot.wait_for_commands()
            bot.answer(healthy, "好")
            assert text_of((await poll(glasses, healthy))[1]) == "好"


async def test_a_turn_that_is_cut_off_has_a_trace_and_a_last_entry() -> None:
    gateway = WorkerGateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open():
            turn = await gateway.turn()
            await bot.wait_for_commands()
        found = gateway.turns.find(turn, key_id=1, bot_id=1)
        assert found is not None
        assert found.log.ended_at is not None
        assert bot.cancelled == [turn]
    assert [trace.outcome for trace in gateway.traces] == [Outcome.INTERRUPTED]
    assert gateway.switchboard.open_turns == 0


async def test_row_30_a_revoked_key_ends_its_turns_and_its_polls() -> None:
    gateway = WorkerGateway()
    bot = gateway.bot(capacity=2, can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses, gateway.glasses() as healthy:
            turn, other = await gateway.turn(), await gateway.turn(key=OTHER_KEY)
            await bot.wait_for_commands(2)
            await glasses.send(method="GET", target=poll_target(turn))
            await trio.testing.wait_all_tasks_blocked()
            gateway.revoke(1)
            roster = Roster(gateway.answers, gateway.links)
            await Revocation(gateway.switchboard, roster).enforce(gateway.directory)
            assert (await glasses.receive_head()).status_code == 401
            await bot.wait_for_cancel()
            assert bot.cancelled == [turn]
            bot.answer(other, "健康")
            _, entries = await poll(healthy, other, key=OTHER_KEY)
            assert text_of(entries) == "健康"
    assert sorted(trace.outcome.value for trace in gateway.traces if trace.outcome) == [
        "answered",
        "rejected",
    ]


# ---- a long answer ------------------------------------------------------------------------------


async def test_a_long_answer_is_written_piece_by_piece_and_is_one_array() -> None:
    gateway = WorkerGateway(limits=Limits(answer_buffer=8_000_000))
    bot = gateway.bot()
    pieces = [f"“{n}\n”😀\u2028" * 50 for n in range(2_000)]
    with bot.station.attached(bot):
        async with gateway.open(), gateway.glasses() as glasses:
            turn = await gateway.turn()
            await bot.wait_for_commands()
            for n, piece in enumerate(pieces):
                bot.say(StreamChunk(turn, piece, n))
            bot.say(StreamEnd(turn))
            await gateway.answers.wait_for_none()
            _, entries = await poll(glasses, turn, 3)
            assert [each["id"] for each in entries] == list(range(4, 2_002))
            assert text_of(entries) == "".join(pieces[3:])
            # The connection can be used again: the response had a proper end.
            assert await poll(glasses, turn, 2_001) == (200, [])


async def test_a_poller_that_does_not_read_costs_a_piece_of_memory_and_ends(
    autojump_clock: MockClock,
) -> None:
    gateway = WorkerGateway(patience=Patience(write_timeout=5))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.open():
            turn = await gateway.turn()
            await bot.wait_for_commands()
            for n in range(40):
                bot.say(StreamChunk(turn, "x" * 20_000, n))
            bot.say(StreamEnd(turn))
            await gateway.answers.wait_for_none()
            ours, theirs = trio.testing.lockstep_stream_pair()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(gateway.front_door.serve_connection, theirs)
                glasses = Glasses(ours)
                await glasses.send(method="GET", target=poll_target(turn))
                began = trio.current_time()
            assert trio.current_time() - began == 5
            async with gateway.glasses() as glasses:
                entries: list[Any] = (await poll(glasses, turn))[1]
                assert len(text_of(entries)) == 800_000 > 10 * BATCH


async def test_good_keys_are_noted_as_used() -> None:
    used: list[int] = []
    gateway = WorkerGateway()
    object.__setattr__(gateway.poll, "on_key_used", used.append)
    async with gateway.glasses() as glasses:
        await poll(glasses, "x", key="ak_wrong")
    async with gateway.glasses() as glasses:
        await poll(glasses, "x", key=KEY)
    assert used == [1]
