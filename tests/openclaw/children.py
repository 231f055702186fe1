"""Child processes that surely end: each leads a group of its own, and the group ends with it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import trio
from attrs import frozen

STOP_TIMEOUT: Final = 10.0  # seconds from SIGTERM to SIGKILL
LOG_TAIL: Final = 2_000  # characters of a log that are worth repeating


class ChildFailed(Exception):
    """A child process ended, or was not ready in time; the message has the end of its log."""


@frozen
class Child:
    """A running process; what it writes goes to two files."""

    name: str
    process: trio.Process
    stdout: Path
    stderr: Path

    def failure(self, what: str) -> ChildFailed:
        log = self.stdout.read_text(errors="replace") + self.stderr.read_text(errors="replace")
        return ChildFailed(f"{self.name} {what}\n{log[-LOG_TAIL:]}")

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise self.failure(f"ended with status {self.process.returncode}")

    async def first_line(self, timeout: float) -> str:
        """The first whole line on its stdout."""
        with trio.move_on_after(timeout):
            while True:
                line, end, _ = self.stdout.read_text(errors="replace").partition("\n")
                if end:
                    return line
                self.check_alive()
                await trio.sleep(0.02)
        raise self.failure(f"was not ready within {timeout:.0f} s")


@asynccontextmanager
async def child(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], folder: Path
) -> AsyncIterator[Child]:
    """Run a process as long as the block lasts, with `environment` as its whole environment."""
    stdout, stderr = folder / f"{name}.stdout", folder / f"{name}.stderr"
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = await trio.lowlevel.open_process(
            [str(part) for part in command],
            env=dict(environment),
            cwd=folder,
            stdin=None,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    try:
        yield Child(name, process, stdout, stderr)
    finally:
        with trio.move_on_after(STOP_TIMEOUT, shield=True):
            process.terminate()
            await process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with trio.CancelScope(shield=True):
            await process.wait()  # killed: this cannot take long
