"""`/health` for everybody, `/stats` for who has a key."""

from __future__ import annotations

import json
from typing import Any

import trio
import trio.testing
from fakes import LIMITED_KEY, Gateway, Glasses, assert_whole
from trio.testing import MockClock

from eyeclaw_trio.server.operations import HealthDoor, StatsDoor, Stopwatch


def with_operations(gateway: Gateway) -> Stopwatch:
    stopwatch = Stopwatch()

    def health() -> tuple[int, dict[str, object]]:
        return (503 if gateway.is_draining else 200), {"status": "ok"}

    stats = StatsDoor(gateway.gate, gateway.switchboard, stopwatch, health)
    gateway.open_doors({"/health": {"GET": HealthDoor(health).show}, "/stats": {"GET": stats.show}})
    return stopwatch


async def get(glasses: Glasses, target: str, **fields: Any) -> tuple[int, Any]:
    await glasses.send(method="GET", target=target, **fields)
    response = await glasses.receive_head()
    return response.status_code, json.loads(await glasses.receive_body())


async def test_stats_show_live_counts_and_timings_by_bot_and_provider(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    stopwatch = with_operations(gateway)
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send()
            [command] = await bot.wait_for_commands()
            await trio.sleep(0.5)
            bot.answer(command.session_id, "好")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "好")
            await trio.testing.wait_all_tasks_blocked()
            stopwatch.note(gateway.traces[0], gateway.directory, trio.current_time())
            status, body = await get(glasses, "/stats")
    assert status == 200
    spread = {"last": 500.0, "p50": 500.0, "p95": 500.0}
    timings = {"answers": 1, "failures": 0, "first_chunk_ms": spread, "total_ms": spread}
    home, other = body["bots"]
    assert home == {
        "id": 1,
        "name": "home",
        "provider": None,
        "online": True,
        "turns_open": 0,
        **timings,
    }
    assert (other["online"], other["answers"], other["total_ms"]) == (False, 0, None)
    assert body["providers"] == {"linked": timings}


async def test_stats_need_a_key_and_one_made_for_a_bot_shows_that_bot_only() -> None:
    gateway = Gateway()
    with_operations(gateway)
    async with gateway.glasses() as glasses:
        assert (await get(glasses, "/stats", key=None))[0] == 401
        status, body = await get(glasses, "/stats", key=LIMITED_KEY)
    assert status == 200
    assert list(body) == ["bots"]
    assert [bot["id"] for bot in body["bots"]] == [2]


async def test_health_needs_no_key_and_says_503_while_draining() -> None:
    gateway = Gateway()
    with_operations(gateway)
    async with gateway.glasses() as glasses:
        assert await get(glasses, "/health", key=None) == (200, {"status": "ok"})
        gateway.is_draining = True
        assert (await get(glasses, "/health", key=None))[0] == 503
