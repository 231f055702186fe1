"""How a turn ends before its time, over every way that its bytes can take: what the reader, the bot
and the trace are told must not depend on who reads the socket."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import trio
from byte_ways import WAYS, ways
from cable_fakes import CableGateway, Sdk
from fakes import FAILED, OFFLINE, Glasses, assert_whole
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import Outcome

# More than a connection takes whose reader takes nothing, and than may wait for that reader.
PIECE = "字" * 20_000
CHUNKS = 20
WAITING = Limits(answer_buffer=200_000)


async def begin(sdk: Sdk, glasses: Glasses) -> str:
    """A turn whose first chunk has been read."""
    await glasses.send()
    turn: str = (await sdk.receive_command())["metadata"]["session_id"]
    await say_chunk(sdk, turn, 0, "半")
    await glasses.receive_head()
    assert await glasses.receive_event() == ": connected"
    assert "半" in await glasses.receive_event()
    assert (await hear(sdk))["sequence"] == 0
    return turn


async def say_chunk(sdk: Sdk, turn: str, sequence: int, content: str) -> None:
    await sdk.say(
        {
            "type": "stream_chunk",
            "content": content,
            "session_id": turn,
            "sequence": sequence,
        }
    )


async def hear(sdk: Sdk) -> dict[str, Any]:
    """What the gateway says next on the channel."""
    message: dict[str, Any] = (await sdk.receive())["message"]
    return message


async def hear_cancel(sdk: Sdk, turn: str, chunks: int) -> None:
    """Hear that the turn is cancelled, and an acknowledgement for each chunk all the same."""
    told = [await hear(sdk) for _ in range(chunks + 1)]
    assert {message["session_id"] for message in told} == {turn}
    sequences = [message["sequence"] for message in told if message["type"] == "chunk_received"]
    assert sorted(sequences) == list(range(1, chunks + 1))
    assert [message["type"] for message in told].count("cancel") == 1


async def read_to_the_end(glasses: Glasses) -> bytes:
    """What still comes, until the gateway has ended the connection."""
    received = b""
    with suppress(trio.BrokenResourceError):
        while data := await glasses.stream.receive_some():
            received += data
    return received


def outcomes(gateway: CableGateway) -> list[Outcome | None]:
    return [trace.outcome for trace in gateway.traces]


async def expect_good_turn(sdk: Sdk, glasses: Glasses) -> None:
    """Whoever asks next is answered as if nothing had been."""
    turn = await begin(sdk, glasses)
    await sdk.say({"type": "stream_end", "session_id": turn})
    await sdk.say({"type": "stream_summary", "session_id": turn, "total_chunks": 1})
    assert_whole(await glasses.receive_answer(), "")


@pytest.mark.parametrize("way", WAYS)
async def test_a_reader_that_hangs_up_ends_its_turn_and_the_bot_is_told(way: str) -> None:
    gateway = CableGateway(services=ways.services(way))
    async with ways.peers(gateway, way) as (sdk, glasses):
        turn = await begin(sdk, glasses)
        await trio.aclose_forcefully(glasses.stream)
        told = await hear(sdk)
        assert (told["type"], told["session_id"]) == ("cancel", turn)
        # What comes late all the same is acknowledged, and goes nowhere.
        await say_chunk(sdk, turn, 1, "句")
        assert (await hear(sdk))["sequence"] == 1
        assert gateway.switchboard.open_turns == 0
        await sdk.say({"type": "stream_end", "session_id": turn})
        async with gateway.glasses(lambda: ways.pair(way)) as other:
            await expect_good_turn(sdk, other)
    assert outcomes(gateway) == [Outcome.CANCELLED, Outcome.ANSWERED]


@pytest.mark.parametrize("way", WAYS)
async def test_a_bot_that_hangs_up_is_waited_for_and_then_apologised_for(
    way: str, autojump_clock: MockClock
) -> None:
    gateway = CableGateway(services=ways.services(way))
    async with gateway.services_running(), gateway.glasses(lambda: ways.pair(way)) as glasses:
        async with gateway.sdk(pair=lambda: ways.pair(way)) as sdk:
            await sdk.link()
            await begin(sdk, glasses)
            left_at = trio.current_time()
        assert_whole(await glasses.receive_answer(), OFFLINE)
        assert trio.current_time() == left_at + Patience().resume_grace
    assert outcomes(gateway) == [Outcome.OFFLINE]


@pytest.mark.parametrize("way", WAYS)
async def test_a_turn_whose_key_is_revoked_is_told_so_and_the_connection_goes_on(way: str) -> None:
    gateway = CableGateway(services=ways.services(way))
    async with ways.peers(gateway, way) as (sdk, glasses):
        turn = await begin(sdk, glasses)
        gateway.switchboard.revoke_turn(turn)
        assert_whole(await glasses.receive_answer(), FAILED)
        told = await hear(sdk)
        assert (told["type"], told["session_id"]) == ("cancel", turn)
        await sdk.say({"type": "stream_end", "session_id": turn})
        await expect_good_turn(sdk, glasses)
    assert outcomes(gateway) == [Outcome.REJECTED, Outcome.ANSWERED]


@pytest.mark.parametrize("way", WAYS)
async def test_a_turn_that_is_cancelled_leaves_a_bare_end_a_trace_and_a_bot_that_knows(
    way: str,
) -> None:
    gateway = CableGateway(services=ways.services(way))
    ours, theirs = ways.pair(way)
    async with gateway.services_running(), gateway.sdk(pair=lambda: ways.pair(way)) as sdk:
        await sdk.link()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gateway.front_door.serve_connection, theirs)
            glasses = Glasses(ours)
            turn = await begin(sdk, glasses)
            nursery.cancel_scope.cancel()
        assert await read_to_the_end(glasses) == b""
        told = await hear(sdk)
        assert (told["type"], told["session_id"]) == ("cancel", turn)
        await trio.aclose_forcefully(ours)
    assert outcomes(gateway) == [Outcome.INTERRUPTED]
    assert gateway.front_door.open_connections == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_reader_that_takes_nothing_loses_its_answer_and_nobody_elses(way: str) -> None:
    gateway = CableGateway(services=ways.services(way), limits=WAITING)
    async with ways.peers(gateway, way, is_tight=True) as (sdk, glasses):
        turn = await begin(sdk, glasses)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear_cancel, sdk, turn, CHUNKS)
            for sequence in range(1, CHUNKS + 1):
                await say_chunk(sdk, turn, sequence, PIECE)
        await sdk.say({"type": "stream_end", "session_id": turn})
        assert b"event: done" not in await read_to_the_end(glasses)
        async with gateway.glasses(lambda: ways.pair(way)) as other:
            await expect_good_turn(sdk, other)
    assert outcomes(gateway) == [Outcome.SLOW_READER, Outcome.ANSWERED]
