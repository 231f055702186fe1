"""What a self-test says of a program that does not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeclaw_trio.app.selftest import Selftest
from eyeclaw_trio.app.selftest_house import SelftestHouse, address_of
from eyeclaw_trio.core.diagnosis import Diagnosis


async def found_with(folder: Path, *program: str) -> dict[str, Diagnosis]:
    found: list[Diagnosis] = []
    is_sound = await Selftest(SelftestHouse(folder, program), found.append).run()
    assert is_sound is all(each.state != "fail" for each in found)
    return {each.check: each for each in found}


async def test_a_program_that_ends_at_once_fails_each_check_that_needs_it(tmp_path: Path) -> None:
    found = await found_with(tmp_path, "/bin/false")
    failed = {name for name, each in found.items() if each.state == "fail"}
    assert failed == {"version", "gateway", "tls"}
    assert found["gateway"].text == "gateway: serve did not start: it said nothing"


async def test_a_program_that_is_another_one_is_told_by_its_version(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho eyeclaw, version 0.0.0\n", "ascii")
    program.chmod(0o700)
    found = await found_with(tmp_path, str(program))
    assert "calls itself" in found["version"].text
    assert found["gateway"].state == "fail"


async def test_what_is_left_in_the_temporary_folder_is_named(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho left > "$TMPDIR/left-behind"\nexit 1\n', "ascii")
    program.chmod(0o700)
    found = await found_with(tmp_path, str(program))
    assert "left-behind" in found["temporary"].text


async def test_no_setting_and_no_key_of_the_user_reaches_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EYECLAW_LISTEN", "ZHIPU_API_KEY", "OPENCLAW_GATEWAY_TOKEN", "NOTIFY_SOCKET"):
        monkeypatch.setenv(name, "of the user")
    environ = SelftestHouse(tmp_path, ["eyeclaw"]).environ
    assert "of the user" not in environ.values()
    assert environ["HOME"] == str(tmp_path)


def test_the_address_of_a_ready_line_can_be_one_of_ipv6() -> None:
    endpoint = address_of("[::1]:8001")
    assert (endpoint.host, endpoint.port) == ("::1", 8001)
