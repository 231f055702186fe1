"""Bots on `/cable` as the EyeClaw SDK is one: what it does in the field, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from attrs import frozen
from fakes import FAILED, OFFLINE, SILENT, Glasses, assert_whole, read_events, spoken, without_code
from house import House
from processes import read_fixture
from running_gateway import Gateway
from running_sdk import Sdk

TURN: Final = read_fixture("production_turn_60.jsonl")
TEXT: Final[str] = TURN[-1]["total_content"]


@frozen
class Linked:
    """A gateway, and a bot of it that an SDK may link."""

    house: House
    gateway: Gateway
    bot: dict[str, Any]

    def sdk(self) -> AbstractAsyncContextManager[Sdk]:
        return self.gateway.sdk(self.bot)

    async def send(self, glasses: Glasses, text: str = "你好") -> None:
        """Ask this bot."""
        await self.gateway.send(glasses, text, agent_id=str(self.bot["id"]))


@pytest.fixture(scope="module")
def bots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Linked]]:
    """One gateway for all, and a new bot of it for each who asks."""
    house = House(tmp_path_factory.mktemp("bots"))
    added = [house.add_bot(f"bot-{n}") for n in range(20)]
    with house.serve_shared() as gateway:
        yield (Linked(house, gateway, bot) for bot in added)


@pytest.fixture
async def it(bots: Iterator[Linked]) -> Linked:
    """A bot that nobody else has, on a gateway where nobody is online any more."""
    linked = next(bots)
    await linked.gateway.wait_for_bots(0)
    return linked


@asynccontextmanager
async def impatient_gateway(folder: Path, patience: str) -> AsyncIterator[Linked]:
    """A gateway of its own, with these durations."""
    house = House(folder)
    house.configure(f"[patience]\n{patience}\n")
    bot = house.add_bot("home")
    async with house.serve() as gateway:
        yield Linked(house, gateway, bot)


async def expect_disconnect(sdk: Sdk, reason: str, *, reconnect: bool) -> None:
    assert await sdk.receive() == {"type": "disconnect", "reason": reason, "reconnect": reconnect}


async def replay(sdk: Sdk, turn: str) -> None:
    """The turn in its order and at its times; the end waits for acknowledgements as an SDK's."""
    began = trio.current_time()
    all_acknowledged = trio.Event()

    async def hear() -> None:
        await sdk.wait_for_acknowledged(60)
        all_acknowledged.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        for message in TURN:
            await trio.sleep_until(began + message["at_ms"] / 1000)
            match message["type"]:
                case "stream_chunk":
                    await sdk.chunk(turn, message["sequence"], message["content"])
                case "stream_end":
                    with trio.fail_after(2):
                        await all_acknowledged.wait()
                    await sdk.say("stream_end", turn)
                case "stream_summary":
                    await sdk.summarise(turn, message["total_content"], message["total_chunks"])


async def test_a_real_turn_of_sixty_chunks_arrives_whole_and_each_is_acknowledged(
    it: Linked,
) -> None:
    async with it.sdk() as sdk, it.gateway.glasses() as glasses:
        await sdk.link()
        await it.send(glasses)
        turn = await sdk.receive_turn()
        await replay(sdk, turn)
        blocks = await glasses.receive_answer()
        assert_whole(blocks, TEXT)
        assert sdk.acknowledged == [(turn, n) for n in range(60)]
        # Sixty pieces, one event for each, and the empty one behind them.
        assert [name for name, _ in read_events(blocks)] == ["message"] * 61 + ["done"]


async def test_a_burst_with_the_end_right_behind_it_and_no_summary_arrives_whole(
    it: Linked,
) -> None:
    async with it.sdk() as sdk, it.gateway.glasses() as glasses:
        await sdk.link()
        await it.send(glasses)
        turn = await sdk.receive_turn()
        for n, text in (
            (1, "二"),
            (0, "一"),
            (3, "四"),
            (2, "三"),
            (6, "七"),
            (5, "六"),
            (4, "五"),
        ):
            await sdk.chunk(turn, n, text)
        await sdk.say("stream_end", turn)
        assert_whole(await glasses.receive_answer(), "一二三四五六七")


async def test_a_subscription_that_is_repeated_is_confirmed_once(it: Linked) -> None:
    async with it.sdk() as sdk:
        for _ in range(3):
            await sdk.send({"command": "subscribe", "identifier": sdk.identifier})
        await sdk.send({"type": "pong"})
        await sdk.link()
        await sdk.say("ping", "")
        assert (await sdk.receive())["message"]["type"] == "pong"
        assert sdk.confirmations == 1
        assert sdk.socket.subprotocol is None


async def test_an_end_that_comes_twice_and_late_ends_its_own_turn_only(it: Linked) -> None:
    async with it.sdk() as sdk, it.gateway.glasses() as glasses:
        await sdk.link()
        await it.send(glasses, "一")
        first = await sdk.receive_turn()
        await sdk.chunk(first, 0, "答一")
        await sdk.say("stream_end", first)
        await sdk.end(first, "答一", 1)
        assert_whole(await glasses.receive_answer(), "答一")

        await it.send(glasses, "二")
        second = await sdk.receive_turn()
        assert second != first
        await sdk.chunk(second, 0, "答")
        assert spoken([await glasses.receive_event()]) == "答"
        # What the first turn still has to say: an end, a chunk, a summary.
        await sdk.say("stream_end", first)
        await sdk.chunk(first, 1, "迟到")
        await sdk.summarise(first, "答一迟到", 2)
        await sdk.chunk(second, 1, "二")
        await sdk.end(second, "答二", 2)
        assert_whole(await glasses.receive_answer(), "二")
        await sdk.say("ping", "")
        assert (await sdk.receive())["message"]["type"] == "pong"
        # The late chunk is acknowledged too: its bot must not wait in vain.
        assert sdk.acknowledged == [(first, 0), (second, 0), (first, 1), (second, 1)]


async def test_one_command_at_a_time_and_the_next_when_the_end_has_come(it: Linked) -> None:
    async with it.sdk() as sdk:
        await sdk.link()
        async with it.gateway.glasses() as one, it.gateway.glasses() as two:
            await it.send(one, "一")
            first = await sdk.receive_turn()
            await it.send(two, "二")
            await sdk.say("ping", "")
            assert (await sdk.receive())["message"]["type"] == "pong"  # and no command before it
            await sdk.chunk(first, 0, "答一")
            await sdk.end(first, "答一", 1)
            second = await sdk.receive_turn()
            await sdk.chunk(second, 0, "答二")
            await sdk.end(second, "答二", 1)
            assert_whole(await one.receive_answer(), "答一")
            assert_whole(await two.receive_answer(), "答二")


async def test_of_two_links_the_newer_gets_the_next_command_and_the_older_finishes_its_own(
    it: Linked,
) -> None:
    async with it.sdk() as older, it.gateway.glasses() as glasses:
        await older.link()
        await it.send(glasses)
        turn = await older.receive_turn()
        await older.chunk(turn, 0, "旧")
        assert spoken([await glasses.receive_event()]) == "旧"
        async with it.sdk() as newer:
            await newer.link()
            await older.say("ping", "")
            assert (await older.receive())["message"]["type"] == "pong"  # it still lives
            await older.chunk(turn, 1, "链接")
            await older.end(turn, "旧链接", 2)
            assert_whole(await glasses.receive_answer(), "链接")
            await expect_disconnect(older, "replaced", reconnect=False)

            await it.send(glasses)
            turn = await newer.receive_turn()
            await newer.chunk(turn, 0, "新链接")
            await newer.end(turn, "新链接", 1)
            assert_whole(await glasses.receive_answer(), "新链接")


async def test_an_sdk_that_comes_back_ends_its_turn_on_the_new_link(it: Linked) -> None:
    async with it.gateway.glasses() as glasses:
        async with it.sdk() as sdk:
            await sdk.link()
            await it.send(glasses)
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "一")
            assert spoken([await glasses.receive_event()]) == "一"
            sdk.kill()
        await it.gateway.wait_for_bots(0)
        async with it.sdk() as sdk:
            # Before it subscribes: what it dropped in between is in the summary only.
            await sdk.end(turn, "一二三", 3)
            assert_whole(await glasses.receive_answer(), "二三")


async def test_an_sdk_that_does_not_come_back_is_apologised_for_after_the_grace(
    tmp_path: Path,
) -> None:
    async with (
        impatient_gateway(tmp_path, "resume_grace = 0.6") as it,
        it.gateway.glasses() as glasses,
    ):
        async with it.sdk() as sdk:
            await sdk.link()
            await it.send(glasses)
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "一")
            assert spoken([await glasses.receive_event()]) == "一"
            sdk.kill()
            killed_at = trio.current_time()
        blocks = await glasses.receive_answer()
        assert 0.5 < trio.current_time() - killed_at < 1.6
        assert_whole_apology(blocks, OFFLINE)


async def test_an_sdk_that_falls_silent_is_apologised_for_and_later_asked_again(
    tmp_path: Path,
) -> None:
    patience = "idle_timeout = 0.6\nkeepalive = 0.2"
    async with impatient_gateway(tmp_path, patience) as it, it.sdk() as sdk:
        await sdk.link()
        async with it.gateway.glasses() as glasses:
            asked_at = trio.current_time()
            await it.send(glasses)
            turn = await sdk.receive_turn()
            blocks = await glasses.receive_answer()
            assert 0.6 <= trio.current_time() - asked_at < 1.6
            comments = [block for block in blocks if block.startswith(":")]
            assert len(comments) >= 2
            *early, message, done = [block for block in blocks if block not in comments]
            assert spoken(early) == ""  # beside each comment an event, or some glasses give up
            assert len(early) == len(comments)
            assert_whole_apology([message, done], SILENT)
            # It is told, and says its end too late: nothing of that is heard in the next answer.
            cancel = (await sdk.receive())["message"]
            assert (cancel["type"], cancel["session_id"]) == ("cancel", turn)
            await sdk.chunk(turn, 0, "太晚")
            await sdk.end(turn, "太晚", 1)
            await it.send(glasses)
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "及时")
            await sdk.end(turn, "及时", 1)
            assert_whole(await glasses.receive_answer(), "及时")


async def test_what_an_sdk_says_of_its_failure_is_not_shown_to_the_wearer(it: Linked) -> None:
    async with it.sdk() as sdk, it.gateway.glasses() as glasses:
        await sdk.link()
        await it.send(glasses)
        turn = await sdk.receive_turn()
        await sdk.say("stream_error", turn, error="401 sk-secret /home/me/agent.py")
        blocks = await glasses.receive_answer()
        name, said = read_events(blocks)[0]
        assert (name, without_code(said["message"])) == ("error", FAILED)
        assert_whole_apology(blocks[1:], FAILED)

        await it.send(glasses)
        turn = await sdk.receive_turn()
        await sdk.end(turn, "", 0)  # an SDK whose model said 4xx
        assert_whole_apology(await glasses.receive_answer(), FAILED)


def assert_whole_apology(blocks: list[str], text: str) -> None:
    """Exactly the finishing message with this text, and `done`."""
    (name, message), (last, done) = read_events(blocks)
    assert (name, message["is_finish"]) == ("message", True)
    assert without_code(message["answer_stream"]) == text
    assert (last, "answer_stream" in done) == ("done", False)


# --- killed ---------------------------------------------------------------------------------------


async def expect_offline_now(it: Linked) -> None:
    """Offline within a second; then the text for it within 100 ms (RELIABILITY 2)."""
    await it.gateway.wait_for_bots(0, seconds=1.0)
    took = []
    async with it.gateway.glasses() as glasses:
        for _ in range(3):  # the best of three: other work on the machine is not the gateway's
            asked_at = trio.current_time()
            await it.send(glasses)
            assert_whole_apology(await glasses.receive_answer(), OFFLINE)
            took.append(trio.current_time() - asked_at)
    assert min(took) < 0.1


async def test_when_the_socket_of_an_sdk_breaks_the_wearer_hears_so_in_100_ms(
    it: Linked,
) -> None:
    await expect_offline_now(it)  # it was never there
    async with it.sdk() as sdk:
        await sdk.link()
        await it.gateway.wait_for_bots(1)
        sdk.kill()
        await expect_offline_now(it)


async def test_when_the_process_of_a_bot_is_killed_the_wearer_hears_so_in_100_ms(
    it: Linked,
) -> None:
    name = str(it.bot["id"])
    async with it.house.connect(it.gateway, it.bot, provider="echo") as connector:
        assert_whole(await it.gateway.ask("在", agent_id=name), "在")
        connector.process.kill()
        await connector.status()
        await expect_offline_now(it)
    async with it.house.connect(it.gateway, it.bot, provider="echo"):
        assert_whole(await it.gateway.ask("又在", agent_id=name), "又在")
