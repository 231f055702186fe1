"""The gateway as a service manager starts it, and the shell's completion."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest
import trio
from fakes import spoken
from house import House

WATCHDOG_USEC = "300000"


async def test_systemd_is_told_when_it_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    house = House(tmp_path)
    with closing(trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as told:
        await told.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": WATCHDOG_USEC}
        async with house.serve(**environ) as gateway:
            said: list[str] = []
            while "WATCHDOG=1" not in said[1:]:
                said += (await told.recv(4096)).decode().split("\n")
            assert "READY=1" in said
            assert f"STATUS=listens on 127.0.0.1:{gateway.port}" in said
            gateway.process.terminate()
            while said[-1] != "STOPPING=1":
                said += (await told.recv(4096)).decode().split("\n")
            assert await gateway.process.wait() == 0


async def test_a_reload_without_a_certificate_does_no_harm(tmp_path: Path) -> None:
    with closing(trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as told:
        await told.bind(str(tmp_path / "notify"))
        house = House(tmp_path)
        async with house.serve(NOTIFY_SOCKET=str(tmp_path / "notify")) as gateway:
            gateway.process.send_signal(signal.SIGHUP)
            assert spoken(await gateway.ask("你好")) == "你好"
            gateway.process.terminate()
            assert await gateway.process.wait() == 0


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ("lissten = '127.0.0.1:0'", 78),  # EX_CONFIG of sysexits.h, which systemd knows too
        ("listen = '127.0.0.1'\nadmin_listen = 7", 78),
        # What is not there yet may come, as a certificate does: to try again makes sense.
        ("tls_certificate = 'later.pem'\ntls_key = 'later.key'", 1),
        ("tls_certificate = 'later.pem'\ntls_key = 'later.key'\nlissten = ''", 78),
        ("[providers.a]\nbase_url = 'http://x'\nmodel = 'x'\napi_key_file = 'later'", 1),
    ],
)
async def test_a_service_manager_is_told_that_to_try_wrong_settings_again_is_of_no_use(
    tmp_path: Path, settings: str, status: int
) -> None:
    house = House(tmp_path)
    house.configure(settings)
    started = await house.command("serve", NOTIFY_SOCKET=str(tmp_path / "notify"))
    assert started.status == status
    by_hand = await house.command("serve")
    assert by_hand.status == 1
    assert started.stderr == by_hand.stderr
    assert started.stderr.count("\n") == 1


async def test_a_gateway_that_the_watchdog_ends_says_where_it_hung(tmp_path: Path) -> None:
    async with House(tmp_path).serve() as gateway:
        assert gateway.child is not None
        os.kill(gateway.pid, signal.SIGABRT)  # as sd_watchdog_enabled(3) has it
        assert await gateway.process.wait() != 0
        assert "most recent call first" in gateway.child.log
        assert "eyeclaw_trio/cli/serving.py" in gateway.child.log


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_a_shell_can_read_its_completion(tmp_path: Path, shell: str) -> None:
    printed = await House(tmp_path).command("completion", shell)
    assert printed.status == 0
    assert "_EYECLAW_COMPLETE" in printed.stdout
    file = tmp_path / "completion"
    file.write_text(printed.stdout, "utf-8")
    if shutil.which(shell) is not None:
        await trio.run_process([shell, "-n", str(file)])


async def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def complete(words: str) -> list[str]:
        asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = await house.command(_EYECLAW_COMPLETE="bash_complete", **asked)
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert await complete("eyeclaw tr") == ["trace"]
    assert await complete("eyeclaw bot d") == ["default"]
    assert "--provider" in await complete("eyeclaw bot add --pro")
