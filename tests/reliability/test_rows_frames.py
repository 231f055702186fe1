"""RELIABILITY 3, 15, 16, 20 and 21: what may come in on `/cable` that should not."""

from __future__ import annotations

import gc
import json
import tracemalloc

import pytest
import trio
from cable_fakes import IDENTIFIER, CableGateway, Sdk
from fakes import OFFLINE, assert_whole
from healthy_turn import beside_a_healthy_turn, until
from raw_wire import (
    BINARY,
    CONTINUATION,
    TEXT,
    close_code,
    frame,
    no_traceback,
    raw_link,
    receive_to_the_end,
)
from trio.testing import MockClock
from trio_websocket import ConnectionClosed

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.trace import Outcome


async def is_there(sdk: Sdk) -> None:
    """The link lives, and what it says is heard."""
    await sdk.say({"action": "ping"})
    with trio.fail_after(5):
        assert (await sdk.receive())["message"]["type"] == "pong"


async def code_of_the_end(sdk: Sdk) -> int:
    """Read to the end of the link; the code it was closed with."""
    with trio.fail_after(30):
        while True:
            try:
                await sdk.receive()
            except ConnectionClosed as closed:
                return int(closed.reason.code) if closed.reason is not None else 0


# ---- 3: half-open -------------------------------------------------------------------------------


async def test_row_03_a_link_without_power_is_found_within_25_seconds_in_mid_answer(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with (
        beside_a_healthy_turn(gateway, places_kept=1),
        raw_link(gateway) as link,
        gateway.glasses() as glasses,
    ):
        said = {"command": "subscribe", "identifier": IDENTIFIER}
        await link.send_all(frame(json.dumps(said).encode()))
        while not gateway.switchboard.is_online(1):
            await trio.sleep(0)
        await glasses.send()
        await glasses.receive_head()
        began = trio.current_time()
        # From here on the peer takes everything, and nothing comes of it: no pong either.
        await receive_to_the_end(link)
        assert trio.current_time() - began <= 25
        await until(lambda: not gateway.switchboard.is_online(1), seconds=0.1)
        assert_whole(await glasses.receive_answer(), OFFLINE)
        assert trio.current_time() - began <= 25 + 20
    assert gateway.traces[0].outcome is Outcome.OFFLINE


# ---- 15: too large, or half ---------------------------------------------------------------------

LIMIT = 20_000


def filled(size: int) -> bytes:
    """A well-formed frame of so many bytes, most of them in characters of three."""
    empty = len(b'{"type":"pong","x":""}')
    characters, rest = divmod(size - empty, 3)
    return ('{"type":"pong","x":"' + "满" * characters + "x" * rest + '"}').encode()


async def test_row_15_the_limit_is_counted_in_bytes_and_one_more_ends_the_link_with_1009(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway(limits=Limits(cable_message=LIMIT))
    async with beside_a_healthy_turn(gateway), gateway.sdk() as sdk:
        await sdk.link()
        assert len(filled(LIMIT)) == LIMIT
        await sdk.send(filled(LIMIT).decode())
        await is_there(sdk)
        await sdk.send(filled(LIMIT + 1).decode())
        assert await code_of_the_end(sdk) == 1009
        await until(lambda: not gateway.switchboard.is_online(1), seconds=2)


@pytest.mark.parametrize("is_finished", [True, False])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_row_15_fragments_that_add_up_beyond_the_limit_end_the_link_with_1009(
    opcode: int, is_finished: bool, autojump_clock: MockClock
) -> None:
    gateway = CableGateway(limits=Limits(cable_message=LIMIT))
    async with beside_a_healthy_turn(gateway), raw_link(gateway) as link:
        part = b"x" * (LIMIT // 4)
        await link.send_all(frame(part, opcode, fin=False))
        for _ in range(3):
            await link.send_all(frame(part, CONTINUATION, fin=False))
        await trio.sleep(1)
        assert (
            gateway.front_door.open_connections == 2
        )  # exactly the limit, and it may still end well
        await link.send_all(frame(b"x", CONTINUATION, fin=is_finished))
        assert close_code(await receive_to_the_end(link)) == 1009


async def test_row_15_fragments_of_wide_characters_are_counted_in_bytes_too(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway(limits=Limits(cable_message=LIMIT))
    async with beside_a_healthy_turn(gateway), raw_link(gateway) as link:
        part = ("满" * (LIMIT // 9)).encode()
        await link.send_all(frame(part, TEXT, fin=False))
        await link.send_all(frame(part, CONTINUATION, fin=False))
        await link.send_all(frame(part + b"xxx", CONTINUATION))
        assert close_code(await receive_to_the_end(link)) == 1009


@pytest.mark.parametrize("sent", [1, 5, 1_000])
async def test_row_15_half_a_frame_and_silence_is_closed_by_the_ping_deadline(
    sent: int, autojump_clock: MockClock
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), raw_link(gateway) as link:
        await link.send_all(frame(b"{" + b" " * 5_000)[:sent])
        began = trio.current_time()
        await receive_to_the_end(link)
        assert 3 < trio.current_time() - began <= 25


async def test_row_15_a_frame_that_claims_a_gigabyte_costs_no_more_than_the_limit(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway):
        slice_ = b"x" * 65_536
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(5):
                async with raw_link(gateway) as link:
                    await link.send_all(frame(b"", size=1 << 30))
                    for _ in range(64):  # four times the limit
                        if gateway.front_door.open_connections == 1:
                            break
                        await link.send_all(slice_)
                        await trio.sleep(0.001)
                    assert close_code(await receive_to_the_end(link)) == 1009
            gc.collect()
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert left < 500_000
        assert peak < 5_000_000


# ---- 16: malformed ------------------------------------------------------------------------------


def data_frame(data: object) -> str:
    """A message on the bot's channel with this `data`."""
    return json.dumps({"command": "message", "identifier": IDENTIFIER, "data": data})


MALFORMED: dict[str, str | bytes] = {
    "empty": "",
    "blank": " ",
    "not JSON": "no json",
    "half": '{"command":"message"',
    "two documents": "{} {}",
    "an array": "[]",
    "a number": "1",
    "null": "null",
    "true": "true",
    "a string": '"x"',
    "NaN": "NaN",
    "NaN inside": '{"command":"message","identifier":"{}","data":NaN}',
    "Infinity": '{"x":-Infinity}',
    "10,000 arrays deep": "[" * 10_000 + "]" * 10_000,
    "10,000 objects deep": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "1,000 levels deep": '{"x":' + "[" * 1_000 + "]" * 1_000 + "}",
    "a lone surrogate": '{"command":"\\ud800"}',
    "a byte order mark": "\ufeff{}",
    "a NUL": "\0",
    "a number beyond all": '{"x":1e999}',
    "no identifier": '{"command":"message","data":"{}"}',
    "identifier a number": '{"command":"subscribe","identifier":1}',
    "identifier null": '{"command":"subscribe","identifier":null}',
    "no data": json.dumps({"command": "message", "identifier": IDENTIFIER}),
    "data a number": data_frame(1),
    "data null": data_frame(None),
    "data an object": data_frame({"type": "ping"}),
    "data no JSON": data_frame("no json"),
    "data an array": data_frame("[]"),
    "data NaN": data_frame("NaN"),
    "data without a name": data_frame("{}"),
    "data with a number for a name": data_frame('{"type":1}'),
    "data with a lone surrogate": data_frame('{"type":"stream_end","session_id":"\\ud800"}'),
    "data deep": data_frame('{"type":"x","y":' + "[" * 10_000),
    "a chunk without content": data_frame('{"type":"stream_chunk","session_id":"t"}'),
    "a chunk of a number": data_frame('{"type":"stream_chunk","session_id":"t","content":1}'),
    "a chunk without a turn": data_frame('{"type":"stream_chunk","content":"x"}'),
    "a negative sequence": data_frame(
        '{"type":"stream_chunk","session_id":"t","content":"x","sequence":-1}'
    ),
    "half a sequence": data_frame(
        '{"type":"stream_chunk","session_id":"t","content":"x","sequence":0.5}'
    ),
    "a true sequence": data_frame(
        '{"type":"stream_chunk","session_id":"t","content":"x","sequence":true}'
    ),
    "an enormous sequence": data_frame(
        '{"type":"stream_chunk","session_id":"t","content":"x","sequence":9223372036854775808}'
    ),
    "a summary of a list": data_frame(
        '{"type":"stream_summary","session_id":"t","total_content":[],"total_chunks":1}'
    ),
    "another bot's channel": json.dumps(
        {"command": "message", "identifier": '{"channel":"BotChannel","bot_id":"2"}', "data": "{}"}
    ),
    "an identifier that is none": json.dumps(
        {"command": "message", "identifier": "x", "data": '{"type":"ping"}'}
    ),
    "binary": b"binary",
    "binary JSON": b'{"type":"pong"}',
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
async def test_row_16_19_malformed_frames_are_survived_and_the_20th_closes_with_1008(
    sent: str | bytes,
    autojump_clock: MockClock,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = CableGateway()
    with no_traceback(capsys, caplog):
        async with beside_a_healthy_turn(gateway), gateway.sdk() as sdk:
            await sdk.link()
            for _ in range(19):
                await sdk.socket.send_message(sent)
            await is_there(sdk)
            await sdk.socket.send_message(sent)
            last = await sdk.receive()
            assert last == {"type": "disconnect", "reason": "invalid_request", "reconnect": False}
            assert await code_of_the_end(sdk) == 1008


async def test_row_16_twenty_in_more_than_ten_seconds_are_forgiven_and_in_ten_they_are_not(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway):
        for seconds, is_forgiven in ((10.1, True), (9.9, False)):
            async with raw_link(gateway) as link:
                for _ in range(20):
                    await link.send_all(frame(b"no json"))
                    await trio.sleep(seconds / 19)
                if is_forgiven:
                    assert gateway.front_door.open_connections == 2
                else:
                    received = await receive_to_the_end(link)
                    assert b'"reason":"invalid_request"' in received
                    assert close_code(received) == 1008


async def test_row_16_well_formed_messages_of_unknown_names_are_never_counted(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), gateway.sdk() as sdk:
        await sdk.link()
        for name in ("x", "", "stream_chunk2", "你好", "😀" * 1_000):
            for _ in range(10):
                await sdk.send({"type": name})
                await sdk.send({"command": name})
                await sdk.say({"type": name, "session_id": 7})
                await sdk.say({"action": name})
        await is_there(sdk)


async def test_row_16_malformed_frames_in_mid_answer_cost_the_answer_nothing(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), gateway.sdk() as sdk, gateway.glasses() as glasses:
        await sdk.link()
        await glasses.send()
        turn = (await sdk.receive_command())["metadata"]["session_id"]
        for sequence, sent in enumerate([*MALFORMED.values()][:18]):
            await sdk.socket.send_message(sent)
            await sdk.say(
                {
                    "type": "stream_chunk",
                    "session_id": turn,
                    "content": f"{sequence},",
                    "sequence": sequence,
                }
            )
        await sdk.say({"type": "stream_end", "session_id": turn})
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), "".join(f"{n}," for n in range(18)))
