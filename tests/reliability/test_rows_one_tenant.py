"""RELIABILITY 36: whatever one key or one bot takes, others are served as before.

The healthy turns of the meter are asked with the owner's key, and everything else here with another
one, whose holder has gone mad.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import trio
from fakes import Glasses, question
from house import House
from mad_tenant import Mad, gone_mad
from stall_meter import MEBIBYTE
from worker_fakes import poll, text_of, trigger

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

BUSY = "Bot 正忙"


# ---- connections, links, questions --------------------------------------------------------------


async def test_row_36_one_key_has_three_quarters_of_the_connections_and_others_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = "[limits]\nconnections = 400\n"
    async with (
        gone_mad(tmp_path, capsys, "380 connections of a key, of 400", settings) as mad,
        AsyncExitStack() as stack,
    ):
        statuses = Counter([await mad.status(stack, agent_id="nobody") for _ in range(380)])
        assert 280 <= statuses[200] <= 300
        assert statuses[200] + statuses[503] == 380
        refused = await mad.flood(stack)
        assert (await refused.receive_head()).status_code == 503
        told = json.loads(await refused.receive_body())
        assert told["error"] == "Too many connections with this key"
        await trio.sleep(1)


async def test_row_36_one_token_has_some_links_and_one_more_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        gone_mad(tmp_path, capsys, "200 links of a token") as mad,
        AsyncExitStack() as stack,
    ):
        for _ in range(200):  # one that subscribes would take the place of the one before
            await mad.link(stack, subscribes=False)
        told = b'{"type":"disconnect","reason":"invalid_request","reconnect":true}'
        assert len(mad.refused) == 200 - 32
        assert all(told in each for each in mad.refused)


async def test_row_36_a_thousand_connections_of_one_key_that_ask_in_one_instant_stop_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have shown the key before, and end in one instant, too; three times."""
    async with gone_mad(tmp_path, capsys, "1,000 connections of a key ask in one instant") as mad:
        head = f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {mad.key}\r\n\r\n"
        for _ in range(3):
            async with AsyncExitStack() as stack:
                streams: list[trio.SocketStream] = []
                for _ in range(1_000):
                    stream = await trio.open_tcp_stream(mad.gateway.host, mad.gateway.port)
                    stack.push_async_callback(trio.aclose_forcefully, stream)
                    await stream.send_all(head.encode())
                    assert b" 200 " in await stream.receive_some()
                    streams.append(stream)
                for stream in streams:
                    await stream.send_all(head.encode())
                for stream in streams:
                    assert b" 200 " in await stream.receive_some()


async def test_row_36_a_key_that_asks_one_bot_for_ever_leaves_others_their_turns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the bot that answers the healthy turns: 100 questions are open at any time."""
    async with gone_mad(tmp_path, capsys, "100 questions of a key at once") as mad:
        statuses: Counter[str] = Counter()

        async def ask_for_ever() -> None:
            while True:
                async with mad.gateway.glasses() as glasses:
                    await glasses.send(question("one two three four five six"), key=mad.key)
                    assert (await glasses.receive_head()).status_code == 200
                    said = "".join(await glasses.receive_answer())
                    statuses["busy" if BUSY in said else "answered"] += 1

        before = mad.meter.turns
        with trio.move_on_after(8):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(ask_for_ever)
                    await trio.sleep(0.01)
        assert mad.meter.turns - before >= 2
        with capsys.disabled():
            print(f"\n{dict(statuses)}")


async def test_row_36_thousands_of_triggers_of_one_key_leave_another_one_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with gone_mad(tmp_path, capsys, "4,200 triggers of a key") as mad:
        statuses: Counter[int] = Counter()
        began = trio.current_time()

        async def trigger_some(count: int) -> None:
            async with await mad.gateway.open_stream() as stream:
                glasses = Glasses(stream)
                for _ in range(count):
                    statuses[(await trigger(glasses, key=mad.key))[0]] += 1

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(trigger_some, 210)
        took = trio.current_time() - began
        with capsys.disabled():
            print(f"\n{dict(statuses)} in {took:.1f} s")
        assert statuses[200] >= 1_000
        assert statuses[503] >= 1_000
        async with mad.gateway.glasses() as glasses:
            status, told = await trigger(glasses, question("好 的"), key=mad.gateway.key)
            assert (status, told["status"]) == (200, "triggered")
            text = ""
            with trio.fail_after(20):
                while "好" not in text:
                    _, entries = await poll(
                        glasses, told["session_id"], bot_id=told["bot_id"], key=mad.gateway.key
                    )
                    text = text_of(entries)


# ---- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1], ids=["in order", "too early"])
async def test_row_36_answers_that_are_not_read_are_bounded_of_all_together(
    first: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """150 questions to a bot of the same owner, which says 0.7 MB in each: less than one answer
    may let wait. Where the first piece is missing, all others have to be held."""
    async with (
        gone_mad(tmp_path, capsys, "150 answers that nobody reads") as mad,
        AsyncExitStack() as stack,
    ):
        link = await mad.link(stack)
        for _ in range(150):
            await mad.flood(stack, agent_id=str(mad.bot["id"]))
        received, turns = b"", set[bytes]()
        with trio.fail_after(20):
            while len(turns) < 150:
                received += await link.receive_some()
                turns = set(re.findall(rb'"session_id\\*":\\*"(\w{32})', received))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_swallow, link)
            with trio.move_on_after(30):
                for number in range(first, first + 7):
                    for turn in turns:
                        text = {"content": "x" * 100_000, "sequence": number}
                        said = mad.say("stream_chunk", session_id=turn.decode(), **text)
                        await link.send_all(said)
            nursery.cancel_scope.cancel()


async def _swallow(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await stream.receive_some():
            pass


async def test_row_36_what_a_bot_does_not_read_is_bounded_of_all_its_links_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """32 links that read nothing, and eight questions of 300 kB to each that comes."""
    async with (
        gone_mad(tmp_path, capsys, "32 links that read nothing") as mad,
        AsyncExitStack() as stack,
    ):
        text = "x" * 300_000
        for _ in range(32):
            await mad.link(stack)
            async with AsyncExitStack() as asking:
                for _ in range(8):
                    await mad.flood(asking, text, agent_id=str(mad.bot["id"]))
                await trio.sleep(0.05)


# ---- bots and models that do not stop -----------------------------------------------------------

TOO_LONG = "回答过长，已中断。"


async def test_row_35_a_model_that_loops_for_ever_is_cut_off_and_the_wearer_hears_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(tmp_path)
    async with house.model("loops") as model:
        settings = (
            f'[providers.loops]\nbase_url = "{model.base_url}"\napi_key = "none"\nmodel = "m"\n'
            '[providers.echo]\nkind = "echo"\n'
            '[[bots]]\nname = "demo"\nprovider = "echo"\ndefault = true\n'
            '[[bots]]\nname = "loops"\nprovider = "loops"\nspeech = "as_is"\n'
        )
        async with gone_mad(tmp_path, capsys, "five models that loop", settings) as mad:
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(_hear_it_cut_off, mad, "loops")
            await model.wait_for("aborted", 5)


async def test_row_35_a_bot_that_loops_for_ever_is_cut_off_and_the_wearer_hears_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        gone_mad(tmp_path, capsys, "a bot that loops") as mad,
        mad.gateway.sdk(mad.bot) as sdk,
        trio.open_nursery() as nursery,
    ):
        await sdk.link()

        async def loop() -> None:
            turn = await sdk.receive_turn()
            nursery.start_soon(hear)
            for number in range(3_000):
                await sdk.chunk(turn, number, "ha " * 1_000)

        async def hear() -> None:
            while True:
                await sdk.hear()

        nursery.start_soon(loop)
        await _hear_it_cut_off(mad, str(mad.bot["id"]))
        nursery.cancel_scope.cancel()


async def _hear_it_cut_off(mad: Mad, agent_id: str) -> None:
    async with mad.gateway.glasses() as glasses:
        await glasses.send(question(agent_id=agent_id), key=mad.key)
        assert (await glasses.receive_head()).status_code == 200
        size, last = 0, ""
        while not last.startswith("event: done"):
            last = await glasses.receive_event()
            size += len(last.encode())
            if TOO_LONG in last:
                told = size
        assert 4 * MEBIBYTE < told < 7 * MEBIBYTE
