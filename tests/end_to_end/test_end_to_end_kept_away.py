"""A bot whose model the running gateway cannot ask: everybody who looks is told why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from fakes import OFFLINE, spoken, without_code
from house import House
from processes import eventually

KEY: Final = {"ZHIPU_API_KEY": "sk-only-in-this-shell"}
HINT: Final = "restart it with ZHIPU_API_KEY or ZHIPUAI_API_KEY set in its environment"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_model_whose_key_the_gateway_does_not_have_is_named_by_command_turn_and_trace(
    house: House,
) -> None:
    async with house.serve() as gateway:
        await gateway.wait_for_bots(1)
        added = await house.command("bot", "add", "smart", "--provider", "zhipu", "--json", **KEY)
        assert added.status == 0
        assert added.result["reason"] == "unknown_provider"
        bot_id = str(added.result["id"])
        assert f"Bot {bot_id} (smart) is offline: the running gateway knows no provider zhipu" in (
            added.stderr
        )
        assert HINT in added.stderr

        default = await house.command("bot", "default", bot_id, **KEY)
        assert default.status == 0
        assert HINT in default.stderr

        listed = {each["name"]: each for each in await house.result("bot", "list")}
        assert (listed["smart"]["online"], listed["smart"]["reason"]) == (False, "unknown_provider")
        assert (listed["demo"]["online"], listed["demo"]["reason"]) == (True, None)
        assert HINT in (await house.command("bot", "list", **KEY)).stderr

        heard = spoken(await gateway.ask(agent_id="0" * 32))
        assert without_code(heard) == OFFLINE
        code = heard.removeprefix(OFFLINE)[len("（代码 ") : -1]

        async def has_trace() -> bool:
            return bool(await house.result("trace", "list"))

        await eventually(has_trace, seconds=5)
        assert gateway.child is not None
        lines = [json.loads(line) for line in gateway.child.log.splitlines() if line[:1] == "{"]
        (finished,) = [line for line in lines if line["event"] == "turn.finished"]
        assert (finished["outcome"], finished["reason"]) == ("offline", "unknown_provider")
        (trace,) = await house.result("trace", "list")
        shown = await house.command("trace", "show", trace["trace_id"])
        assert "unknown_provider" in shown.stdout
        assert (await house.command("trace", "show", code.lower())).stdout == shown.stdout

    # Restarted with the key it is there, and nothing is left of the reason.
    async with house.serve(**KEY) as gateway:
        await gateway.wait_for_bots(2)
        listed = {each["name"]: each for each in await house.result("bot", "list")}
        assert (listed["smart"]["online"], listed["smart"]["reason"]) == (True, None)
    listed = {each["name"]: each for each in await house.result("bot", "list")}
    assert (listed["smart"]["online"], listed["smart"]["reason"]) == (False, None)


async def test_a_working_bot_is_online_also_where_its_settings_are_not(
    house: House, tmp_path: Path
) -> None:
    """The settings are in the folder that the gateway was started in; `bot list` runs elsewhere."""
    house.configure('[providers.mine]\nkind = "echo"\n[[bots]]\nname = "home"\nprovider = "mine"\n')
    async with house.serve() as gateway:
        await gateway.wait_for_bots(1)
        (tmp_path / "eyeclaw.toml").rename(tmp_path / "elsewhere.toml")
        (listed,) = await house.result("bot", "list")
        assert (listed["provider"], listed["online"], listed["reason"]) == ("mine", True, None)


async def test_a_provider_of_another_settings_file_is_told_to_be_added_to_the_gateways(
    house: House,
) -> None:
    async with house.serve() as gateway:
        await gateway.wait_for_bots(1)
        house.configure('[providers.mine]\nkind = "echo"\n')
        added = await house.command("bot", "add", "late", "--provider", "mine")
        assert added.status == 0
        assert "add [providers.mine] to its settings, and restart it" in added.stderr
