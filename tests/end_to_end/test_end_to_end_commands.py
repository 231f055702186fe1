"""Commands beside a gateway that runs: keys, bots, `ask`, and settings that are wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
import trio
from fakes import FAILED, assert_whole, question, spoken, without_code
from house import House
from processes import Finished, eventually
from running_gateway import Gateway

# A running gateway obeys within a second (CLI), counted from the end of the command.
OBEYS_WITHIN: Final = 1.0
# And ends the links and answers of what was revoked within two.
ENDS_WITHIN: Final = 2.0
# Seconds between two looks that may cost a failed key: twenty a minute are allowed.
GENTLY: Final = 0.15


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def expect_status(gateway: Gateway, status: int, key: str) -> None:
    """The gateway answers a question with this key so within a second."""

    async def is_so() -> bool:
        return await gateway.post(key=key) == status

    await eventually(is_so, seconds=OBEYS_WITHIN, every=GENTLY)


# --- keys and bots --------------------------------------------------------------------------------


async def test_keys_are_made_revoked_and_restored_while_the_gateway_runs(house: House) -> None:
    async with house.serve() as gateway:
        made = await house.result("key", "create", "new")
        await expect_status(gateway, 200, made["key"])
        revoked = await house.result("key", "revoke", str(made["id"]))
        assert revoked["is_active"] is False
        await expect_status(gateway, 401, made["key"])
        await house.result("key", "restore", str(made["id"]))
        await expect_status(gateway, 200, made["key"])
        listed = await house.result("key", "list")
        assert [(each["name"], each["is_active"]) for each in listed] == [
            ("first", True),
            ("new", True),
        ]
        assert made["key"] not in json.dumps(listed)
        assert await gateway.post() == 200  # the other key was never touched


async def test_a_key_opens_the_gateway_as_soon_as_it_is_shown(house: House) -> None:
    async with house.serve() as gateway:
        made = await house.result("key", "create", "pasted with the question behind it")
        assert await gateway.post(key=made["key"]) == 200


async def test_the_default_bot_can_be_changed_while_the_gateway_runs(house: House) -> None:
    bots = [house.add_bot("one"), house.add_bot("two")]
    async with (
        house.serve() as gateway,
        gateway.sdk(bots[0]) as one,
        gateway.sdk(bots[1]) as two,
        gateway.glasses() as glasses,
    ):
        await one.link()
        await two.link()
        for bot, sdk in zip(bots, (one, two), strict=True):
            shown = await house.result("bot", "default", str(bot["id"]))
            assert (shown["id"], shown["is_default"]) == (bot["id"], True)
            await gateway.send(glasses, agent_id="0" * 32)
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "好")
            await sdk.end(turn, "好", 1)
            assert_whole(await glasses.receive_answer(), "好")


async def test_the_answer_of_a_revoked_key_ends_within_two_seconds_and_others_go_on(
    house: House,
) -> None:
    bots = [house.add_bot("one"), house.add_bot("two")]
    key = await house.result("key", "create", "revoked")
    house.key = (await house.result("key", "create", "kept"))["key"]
    async with (
        house.serve() as gateway,
        gateway.sdk(bots[0]) as one,
        gateway.sdk(bots[1]) as two,
        gateway.glasses() as revoked,
        gateway.glasses() as kept,
    ):
        await one.link()
        await two.link()
        revoking = attrs.evolve(gateway, key=key["key"])
        await revoking.send(revoked, agent_id="one")
        await gateway.send(kept, agent_id="two")
        turns = [await one.receive_turn(), await two.receive_turn()]
        await one.chunk(turns[0], 0, "半句")
        assert spoken([await revoked.receive_event()]) == "半句"

        await house.result("key", "revoke", str(key["id"]))
        with trio.fail_after(ENDS_WITHIN):
            assert without_code(spoken(await revoked.receive_answer())) == FAILED
        await two.chunk(turns[1], 0, "健康")
        await two.end(turns[1], "健康", 1)
        assert_whole(await kept.receive_answer(), "健康")


async def test_a_bot_with_a_provider_answers_within_a_second_of_being_added(
    house: House,
) -> None:
    async with house.serve() as gateway:
        bot = await house.result("bot", "add", "new", "--provider", "echo")
        assert bot == {"id": 2, "name": "new", "token": None, "provider": "echo"}

        async def answers() -> bool:
            # By its id and nothing else: before it is known this is 404.
            async with gateway.glasses() as glasses:
                await glasses.send(question("在吗", bot_id=bot["id"]), key=gateway.key)
                status = (await glasses.receive_head()).status_code
                assert status in (200, 404)
                return status == 200 and spoken(await glasses.receive_answer()) == "在吗"

        await eventually(answers, seconds=OBEYS_WITHIN, every=GENTLY)

        await house.result("bot", "remove", str(bot["id"]))

        async def is_gone() -> bool:
            return await gateway.post(question(bot_id=bot["id"])) == 404

        await eventually(is_gone, seconds=OBEYS_WITHIN, every=GENTLY)


async def test_a_provider_that_is_not_there_is_refused_with_the_nearest_one(
    house: House,
) -> None:
    added = await house.command("bot", "add", "new", "--provider", "eco")
    assert added.status == 1
    assert '"echo"' in one_line(added)


async def test_the_list_of_bots_tells_who_is_there(house: House) -> None:
    bot = await house.result("bot", "add", "home")

    async def presence() -> tuple[bool, str | None]:
        [record] = await house.result("bot", "list")
        return record["online"], record["last_ping_at"]

    async def wait_for(online: bool) -> str:
        last_ping_at: str | None = None

        async def is_so() -> bool:
            nonlocal last_ping_at
            is_online, last_ping_at = await presence()
            return is_online is online

        # A command takes its time too.
        await eventually(is_so, seconds=OBEYS_WITHIN + 1.0)
        assert last_ping_at is not None
        return last_ping_at

    assert await presence() == (False, None)
    async with house.serve() as gateway:
        assert await presence() == (False, None)
        async with gateway.sdk(bot) as sdk:
            await sdk.link()
            linked_at = await wait_for(online=True)
        left_at = await wait_for(online=False)
        assert left_at >= linked_at
        async with gateway.sdk(bot) as sdk:
            await sdk.link()
            await wait_for(online=True)
            # Nobody is there when nobody runs, whatever was written last.
            gateway.process.kill()
            await gateway.process.wait()
            assert (await presence())[0] is False
    async with house.serve() as gateway:
        assert (await presence())[0] is False


async def test_a_new_token_makes_the_old_one_unauthorized(house: House) -> None:
    bot = house.add_bot("home")
    async with house.serve() as gateway:
        unauthorized = {"type": "disconnect", "reason": "unauthorized", "reconnect": False}
        async with gateway.sdk(bot) as living:
            await living.link()
            renewed = await house.result("bot", "token", str(bot["id"]))
            assert renewed["token"] != bot["token"]

            async def is_refused() -> bool:
                async with gateway.sdk(bot) as sdk:
                    told = await sdk.receive()
                assert told in ({"type": "welcome"}, unauthorized)
                return bool(told == unauthorized)

            with trio.fail_after(ENDS_WITHIN):
                await eventually(is_refused, seconds=OBEYS_WITHIN, every=GENTLY)
                assert await living.receive() == unauthorized
        async with gateway.sdk(renewed) as sdk, gateway.glasses() as glasses:
            await sdk.link()
            await gateway.send(glasses)
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "新")
            await sdk.end(turn, "新", 1)
            assert_whole(await glasses.receive_answer(), "新")

        # A connector with the old one gives up, and says why.
        arguments = ["--server", gateway.url, "--bot", str(bot["id"]), "--provider", "echo"]
        ended = await house.command("connect", *arguments, EYECLAW_TOKEN=bot["token"])
        assert ended.status == 1
        assert "eyeclaw bot token" in ended.stderr.splitlines()[-1]


# --- ask ------------------------------------------------------------------------------------------


async def test_ask_shows_the_answer_as_it_comes(house: House) -> None:
    bot = house.add_bot("home")
    async with house.serve() as gateway, gateway.sdk(bot) as sdk:
        await sdk.link()
        environ = {"EYECLAW_KEY": gateway.key, "EYECLAW_SERVER": gateway.url}
        async with house.run("ask", "ask", "湖上有什么？", **environ) as asking:
            command = await sdk.receive_command()
            assert command["params"]["message"] == "湖上有什么？"
            turn = command["metadata"]["session_id"]
            shown = ""
            for n, text in enumerate(("湖光", "秋月")):
                await sdk.chunk(turn, n, text)
                # On the terminal before the next is even said.
                while shown != "湖光秋月"[: 2 * n + 2]:
                    shown += await asking.read()
            await sdk.end(turn, "湖光秋月", 2)
            assert await asking.status() == 0
            assert await asking.read() == "\n"
            assert asking.log == ""


async def test_ask_with_json_prints_each_event_with_its_time(house: House) -> None:
    async with house.serve() as gateway:
        arguments = ["ask", "你好，若琪", "--json", "--message-id", "1021", "--user", "u1"]
        environ = {"EYECLAW_KEY": gateway.key, "EYECLAW_SERVER": gateway.url}
        asked = await house.command(*arguments, **environ)
    assert (asked.status, asked.stderr) == (0, "")
    lines: list[dict[str, Any]] = [json.loads(line) for line in asked.stdout.splitlines()]
    assert all(list(line) == ["event", "data", "at_ms"] for line in lines)
    times = [line["at_ms"] for line in lines]
    assert all(isinstance(at_ms, int) for at_ms in times)
    assert times == sorted(times)
    assert times[-1] >= 50  # the echo waits 50 ms between two pieces
    assert [line["event"] for line in lines[-2:]] == ["message", "done"]
    assert {line["data"]["message_id"] for line in lines} == {"1021"}
    texts = [line["data"]["answer_stream"] for line in lines if line["event"] == "message"]
    assert "".join(texts) == "你好，若琪"


async def test_ask_that_gets_no_answer_ends_with_one_line_and_status_1(house: House) -> None:
    house.add_bot("home")
    async with house.serve() as gateway:
        server = {"EYECLAW_SERVER": gateway.url}
        asked = await house.command("ask", "在吗", EYECLAW_KEY=gateway.key, **server)
        assert asked.status == 1
        assert "已离线" in asked.stdout + asked.stderr
        asked = await house.command("ask", "在吗", EYECLAW_KEY="ak_wrong", **server)
        assert asked.status == 1
        assert "401" in one_line(asked)
    asked = await house.command("ask", "在吗", EYECLAW_KEY="ak_any", **server)
    assert asked.status == 1
    assert "does the gateway run there?" in one_line(asked)


# --- what keeps a gateway from starting -----------------------------------------------------------


def one_line(finished: Finished) -> str:
    """What a command that failed says: one line on stderr, nothing on stdout."""
    assert finished.stdout == ""
    assert finished.stderr.count("\n") == 1
    return finished.stderr


async def test_a_typo_in_the_settings_is_shown_with_file_line_key_and_the_nearest_one(
    house: House,
) -> None:
    house.configure("# settings\n[patience]\nidle_timout = 3\n")
    place = rf"{re.escape(str(house.folder / 'eyeclaw.toml'))}:3: patience\.idle_timout: "
    nearest = r"there is no such setting; the nearest known one is patience\.idle_timeout"

    checked = await house.command("config", "check")
    assert checked.status == 1
    assert re.fullmatch(f"{place}{nearest}\n", checked.stdout)

    checked = await house.command("config", "check", "--json")
    assert checked.status == 1
    [fault] = json.loads(checked.stdout)
    assert (fault["line"], fault["key"]) == (3, "patience.idle_timout")
    assert fault["source"] == str(house.folder / "eyeclaw.toml")

    served = await house.command("serve", "--listen", "127.0.0.1:0")
    assert served.status == 1
    assert re.fullmatch(f"Error: {place}{nearest}\n", one_line(served))
    assert not house.data.exists()

    house.configure("[patience]\nidle_timeout = 3\n")
    assert (await house.command("config", "check")).status == 0


async def test_a_second_gateway_on_one_data_folder_is_refused(house: House) -> None:
    async with house.serve() as gateway:
        second = await house.command("serve", "--listen", "127.0.0.1:0")
        assert second.status == 1
        line = one_line(second)
        assert f"pid {gateway.pid}" in line
        assert str(house.data) in line
        assert_whole(await gateway.ask("还在"), "还在")


async def test_an_address_that_is_taken_is_named(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with house.serve() as gateway:
        taken = f"{gateway.host}:{gateway.port}"
        refused = await House(tmp_path / "other").command("serve", "--listen", taken)
        assert refused.status == 1
        assert f"cannot listen on {taken}" in refused.stderr.splitlines()[-1]
        with trio.fail_after(5):
            assert_whole(await gateway.ask("还在"), "还在")
