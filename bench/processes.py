"""Processes on a core of their own: the server under test on one, the load generator on another."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from attrs import frozen

from bench.errors import BenchError

STOP_WITHIN: Final = 15.0  # seconds
ACCEPT_WITHIN: Final = 30.0


@frozen
class Cores:
    """Which core the server and which one the load generator has; None: no choice is made."""

    server: int | None
    load: int | None

    @classmethod
    def choose(cls) -> Cores:
        """Two cores that are no siblings of one another where there are enough; none with one."""
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            return cls(None, None)
        return cls(allowed[0], allowed[len(allowed) // 2])


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started inside runs on this core, its threads and children too."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit() -> int:
    """Let this process and its children open as many files as they may; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@contextmanager
def running(
    command: Sequence[str],
    *,
    core: int | None,
    log: Path,
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block lasts; its stdout can be read, its stderr is `log`."""
    with log.open("wb") as stderr, on_core(core):
        process = subprocess.Popen(  # noqa: S603 (our own commands and those of the peers)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until_it_accepts(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait for a server that says nothing of itself. Raises BenchError when it ends or is late."""
    deadline = time.monotonic() + ACCEPT_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"it ended at once, with status {process.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise BenchError(f"it did not accept connections within {ACCEPT_WITHIN:.0f} s")


def family_of(pid: int) -> list[int]:
    """This process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            number, _, rest = stat.read_text("utf-8", "replace").partition(" ")
            parent = int(rest.rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(number))
    found = [pid]
    for each in found:
        found.extend(parents.get(each, ()))
    return found
