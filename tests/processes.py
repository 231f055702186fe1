"""Running processes of the tests: one ends with the block that started it, whatever happened
inside, and must have left no traceback."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import trio
from attrs import define, frozen

FIXTURES: Final = Path(__file__).with_name("fixtures")

# Another program than the checkout's (`house.PROGRAM`) may unpack itself at each start.
_PATIENCE: Final = 3.0 if "EYECLAW" in os.environ else 1.0
# Bounds for what takes a moment; a loaded machine may need many times that (seconds).
READY_WITHIN: Final = 20.0 * _PATIENCE
COMMAND_WITHIN: Final = 20.0 * _PATIENCE
# A worker that has read a part of an answer is waited for, five seconds.
STOP_WITHIN: Final = 10.0 * _PATIENCE
# No test of real processes takes longer, whatever it waits for (seconds).
LIFETIME: Final = 20.0 * _PATIENCE
# Between two looks at what cannot tell us that it has changed (seconds).
LOOK_EVERY: Final = 0.02


def read_fixture(name: str) -> list[dict[str, Any]]:
    """The objects of a file in `fixtures`, one a line."""
    return [json.loads(line) for line in (FIXTURES / name).read_text("utf-8").splitlines()]


async def eventually(
    holds: Callable[[], Awaitable[object]], *, seconds: float, every: float = LOOK_EVERY
) -> None:
    """Look again and again. Raises trio.TooSlowError when `holds` is not true in time."""
    with trio.fail_after(seconds):
        while not await holds():
            await trio.sleep(every)


@define(eq=False)
class Child:
    """A running process. Its stdout is read here, its stderr goes to a file."""

    process: trio.Process
    stderr: Path
    _unread: bytes = b""

    async def read(self) -> str:
        """What has come on stdout, at least something; empty at its end."""
        if not self._unread:
            await self._receive()
        text, self._unread = self._unread.decode(), b""
        return text

    async def line(self) -> Any:
        """The next line of stdout, as JSON."""
        while b"\n" not in self._unread:
            assert await self._receive(), f"it has ended: {self.log}"
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    @property
    def log(self) -> str:
        return self.stderr.read_text("utf-8")

    async def status(self, *, within: float = STOP_WITHIN) -> int:
        """The exit status; the process has to end in time."""
        with trio.fail_after(within):
            return await self.process.wait()

    async def _receive(self) -> bytes:
        assert self.process.stdout is not None
        data = bytes(await self.process.stdout.receive_some())
        self._unread += data
        return data


@frozen
class Finished:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def result(self) -> Any:
        """The JSON document of a command that worked."""
        assert self.status == 0, self.stderr
        return json.loads(self.stdout)


def environ_of(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    """Nothing of the environment that the tests run in: no settings, no proxies."""
    return {"PATH": os.defpath, "HOME": str(folder), **environ}


@asynccontextmanager
async def open_child(
    folder: Path,
    name: str,
    command: Sequence[str],
    environ: dict[str, str],
    *,
    terminal: int | None = None,
) -> AsyncIterator[Child]:
    """A process for the length of the block; it works in this folder, where its stderr goes too.
    With the inner end of a terminal it has a session and a process group of its own there."""
    of_terminal: dict[str, Any] = {"stdin": subprocess.DEVNULL}
    if terminal is not None:
        of_terminal = {
            "stdin": terminal,
            "start_new_session": True,
            "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        }
    log = folder / f"{name}.stderr"
    with log.open("wb") as stderr:
        process = await trio.lowlevel.open_process(
            command,
            env=environ_of(folder, environ),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            **of_terminal,
        )
    child = Child(process, log)
    try:
        yield child
    finally:
        with trio.CancelScope(shield=True):
            process.terminate()
            with trio.move_on_after(STOP_WITHIN):
                await process.wait()
            process.kill()
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()
    assert "Traceback" not in child.log, child.log


@contextmanager
def open_shared(
    folder: Path, name: str, command: Sequence[str], environ: dict[str, str]
) -> Iterator[Any]:
    """The same for a fixture that several tests share, which cannot be asynchronous: its first
    line as JSON."""
    log = folder / f"{name}.stderr"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command,
            env=environ_of(folder, environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], READY_WITHIN)
            line = process.stdout.readline() if ready else b""
            assert line, f"it is not ready: {log.read_text('utf-8')}"
            yield json.loads(line)
        finally:
            process.terminate()
            try:
                process.wait(STOP_WITHIN)
            finally:
                process.kill()
    assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")
