"""What an OpenClaw is told, so that it can connect itself."""

from __future__ import annotations

import shlex

import pytest

from eyeclaw_trio.admin.skill import describe_connection
from eyeclaw_trio.protocol.endpoint import read_endpoint


def test_it_begins_as_a_skill_and_its_commands_name_gateway_bot_and_token() -> None:
    text = describe_connection(read_endpoint("https://glasses.example"), 7, "bt_secret")
    head, _, steps = text.removeprefix("---\n").partition("---\n")
    assert [line.partition(":")[0] for line in head.splitlines()] == ["name", "description"]
    assert steps.count("bt_secret") == 1
    assert steps.count("--server https://glasses.example --bot 7 --provider openclaw") == 2
    assert steps.count("```") % 2 == 0


@pytest.mark.parametrize("path", ["$(reboot)", "`reboot`", "a;reboot", "%h", "'x'"])
def test_no_address_runs_anything_in_a_shell_or_a_unit(path: str) -> None:
    gateway = read_endpoint(f"https://glasses.example/{path}")
    text = describe_connection(gateway, 7, "bt_secret")
    in_shell = next(line for line in text.splitlines() if line.startswith("   --server"))
    assert shlex.split(in_shell)[1] == gateway.url
    in_unit = next(line for line in text.splitlines() if line.startswith("ExecStart"))
    shown = in_unit.split(" --server ")[1].split(" --bot ")[0]
    assert shown.replace("%%", "").replace("$$", "").count("%") == 0
    assert "$(" not in shown.replace("$$", "")
