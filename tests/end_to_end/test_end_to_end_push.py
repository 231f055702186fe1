"""Speaking to glasses outside an answer: real processes, a scripted callback (PROTOCOL 7)."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import trio
from callback_server import ACCOUNT_KEY, SILENCE, Callback, Verdict, open_callback
from house import House
from processes import eventually
from running_gateway import Gateway

SETTINGS = """
[push]
account_key_env = "ACCOUNT"
url = "{url}"

[[bots]]
name = "home"
provider = "echo"
default = true
"""


async def push(gateway: Gateway, text: str, *, key: str = "", **fields: Any) -> tuple[int, Any]:
    """One push: status and what was said."""
    async with gateway.glasses() as client:
        body = {"text": text, **fields}
        await client.send(body, target="/api/rokid/push", key=key or gateway.key)
        status = (await client.receive_head()).status_code
        return status, json.loads(await client.receive_body())


async def pushed(gateway: Gateway, text: str, **fields: Any) -> str:
    """Push as soon as the question that has made him a wearer is written down; the trace's id."""
    said: list[str] = []

    async def is_taken() -> bool:
        status, answer = await push(gateway, text, **fields)
        assert status in (202, 403), answer
        if status == 202:
            said.append(answer["id"])
        return status == 202

    await eventually(is_taken, seconds=10, every=0.1)
    return said[0]


async def trace_of(house: House, trace_id: str) -> dict[str, Any]:
    """The trace of this push once it is over."""
    found: list[dict[str, Any]] = []

    async def is_over() -> bool:
        done = await house.command("trace", "show", trace_id, "--json")
        if done.status == 0 and done.result["outcome"] is not None:
            found.append(done.result)
        return bool(found)

    await eventually(is_over, seconds=20, every=0.2)
    return found[0]


async def test_the_agent_speaks_first_by_http_by_command_and_by_its_own_link(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with open_callback(Verdict(500)) as callback:
        house.configure(SETTINGS.format(url=callback.url))
        async with house.serve(ACCOUNT=ACCOUNT_KEY) as gateway:
            bot = house.add_bot("linked")
            await gateway.ask(user_id="wearer-1", agent_id="platform-agent-7")
            trace_id = await pushed(gateway, "水开了", user_id="wearer-1")
            trace = await trace_of(house, trace_id)
            assert (trace["source"], trace["outcome"]) == ("push", "answered")
            assert (trace["user_id"], trace["sse_content"]) == ("wearer-1", None)
            attempts = [each for each in trace["events"] if each["type"] == "push_attempted"]
            assert [each["data"]["result"] for each in attempts] == [
                "push_platform_failed",
                "taken",
            ]
            first, second = callback.pushes
            assert first == second
            assert first["account_id"] == "wearer-1"
            assert first["message"] == {"agent_id": "platform-agent-7", "content": "水开了"}

            done = await house.command(
                *("push", "茶好了", "--user", "wearer-1", "--server", gateway.url, "--json"),
                EYECLAW_KEY=gateway.key,
            )
            assert done.result.keys() == {"id"}
            refused = await house.command(
                *("push", "茶好了", "--user", "nobody", "--server", gateway.url),
                EYECLAW_KEY=gateway.key,
            )
            assert (refused.status, refused.stdout) == (1, "")
            assert "no wearer" in refused.stderr
            await callback.wait_for(3)

            async with gateway.sdk(bot) as sdk:
                await sdk.link()
                async with gateway.glasses() as glasses:
                    await gateway.send(glasses, agent_id="linked", user_id="wearer-2")
                    command = await sdk.receive_command()
                    turn = command["metadata"]["session_id"]
                    await sdk.chunk(turn, 0, "好")
                    await sdk.end(turn, "好", 1)
                    await glasses.receive_answer()
                await _push_by_link(sdk, callback)
            assert callback.contents[-1] == "饭好了"
            assert callback.pushes[-1]["account_id"] == "wearer-2"
            assert set(callback.keys) == {f"Bearer {ACCOUNT_KEY}"}
            log = gateway.child.log if gateway.child else ""
    for secret in (ACCOUNT_KEY, "水开了", "茶好了", "饭好了"):
        assert secret not in log


async def _push_by_link(sdk: Any, callback: Callback) -> None:
    """The bot says it again until its wearer's question is written down."""

    async def has_come() -> bool:
        data = json.dumps({"type": "push", "content": "饭好了"}, ensure_ascii=False)
        await sdk.send({"command": "message", "identifier": sdk.identifier, "data": data})
        with trio.move_on_after(0.3):
            await callback.wait_for(4)
        return len(callback.pushes) >= 4

    await eventually(has_come, seconds=10)


async def test_a_gateway_that_is_told_to_stop_waits_for_its_pushes_and_cuts_none_silently(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with open_callback(Verdict(500), SILENCE) as callback:
        house.configure("[patience]\ndrain_timeout = 2.0\n" + SETTINGS.format(url=callback.url))
        async with house.serve(ACCOUNT=ACCOUNT_KEY) as gateway:
            await gateway.ask(user_id="wearer-1")
            trace_id = await pushed(gateway, "水开了", user_id="wearer-1")
            await callback.wait_for(1)
            gateway.process.send_signal(signal.SIGTERM)
            await callback.wait_for(2)  # it was tried again while the gateway drained
            assert gateway.child is not None
            assert await gateway.child.status(within=10) == 0
        trace = (await house.command("trace", "show", trace_id, "--json")).result
    assert (trace["outcome"], trace["status"]) == ("interrupted", "anomaly")


async def test_without_an_account_key_a_push_is_refused_with_how_to_mend_it(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with house.serve() as gateway:
        status, said = await push(gateway, "水开了")
        assert (status, said["error"]) == (409, "No account key is configured")
        done = await house.command(
            "push", "水开了", "--server", gateway.url, EYECLAW_KEY=gateway.key
        )
        assert done.status == 1
        assert done.stderr.count("account_key") == 1
