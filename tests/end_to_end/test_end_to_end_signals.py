"""A signal counts once, whoever sends it: one file is two processes, and a terminal and systemd
send to both of them."""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import define
from fakes import assert_whole, spoken
from house import House
from processes import Child, eventually, open_child

Send = Callable[["InTerminal"], None]


@define
class InTerminal(House):
    """A house whose program runs in a terminal, in the foreground."""

    screen: int = -1
    pid: int = 0

    @asynccontextmanager
    async def run(self, name: str, *arguments: str, **environ: str) -> AsyncIterator[Child]:
        self.screen, inside = pty.openpty()
        try:
            command = self._command(arguments)
            async with open_child(self.folder, name, command, environ, terminal=inside) as child:
                self.pid = child.process.pid
                yield child
        finally:
            os.close(inside)
            os.close(self.screen)


def ctrl_c(house: InTerminal) -> None:
    os.write(house.screen, b"\x03")


def to_all(house: InTerminal) -> None:
    os.killpg(house.pid, signal.SIGTERM)


def to_the_one_that_was_started(house: InTerminal) -> None:
    os.kill(house.pid, signal.SIGTERM)


def as_ctrl_c_to_the_one_that_was_started(house: InTerminal) -> None:
    os.kill(house.pid, signal.SIGINT)


@pytest.mark.parametrize(
    "send", [ctrl_c, to_all, to_the_one_that_was_started, as_ctrl_c_to_the_one_that_was_started]
)
@pytest.mark.parametrize("times", [1, 2])
async def test_a_signal_counts_once_whoever_sends_it(
    send: Send, times: int, tmp_path: Path
) -> None:
    house = InTerminal(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    bot = house.add_bot("home")
    async with (
        house.serve(TMPDIR=str(temporary)) as gateway,
        gateway.sdk(bot) as sdk,
        gateway.glasses() as glasses,
    ):
        await sdk.link()
        await gateway.send(glasses, agent_id="home")
        turn = await sdk.receive_turn()
        await sdk.chunk(turn, 0, "一")
        assert spoken([await glasses.receive_event()]) == "一"

        async def is_draining() -> bool:
            return (await gateway.health())[0] == 503

        send(house)
        await eventually(is_draining, seconds=2)
        # What comes in two halves has come by now.
        await trio.sleep(0.2)
        assert await is_draining()
        if times == 1:
            await sdk.chunk(turn, 1, "二")
            await sdk.end(turn, "一二", 2)
            assert_whole(await glasses.receive_answer(), "二")
        else:
            send(house)
        assert gateway.child is not None
        assert await gateway.child.status() == times - 1
    assert list(temporary.iterdir()) == []
