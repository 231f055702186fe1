"""The load generator: compiled on the spot with the system's C compiler, run, read.

It prints one JSON object a line (`load/main.c`); what it found out is the last one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from attrs import fields, frozen

from bench.errors import BenchError
from bench.processes import on_core

SOURCES: Final = Path(__file__).with_name("load")
FLAGS: Final = ("-std=gnu11", "-O2", "-Wall", "-Wextra")
# Beyond what it was told to take, for a server that hangs (seconds).
PATIENCE: Final = 30.0
# Of its core; above it the generator may be what was measured.
BUSY_LIMIT: Final = 0.9

# Counts that are 0 when all is well.
_NEVER: Final = (
    "unfinished",
    "apologies",
    "refused",
    "stray_acknowledgements",
    "links_lost",
    "surprises",
)

Progress = Callable[[Mapping[str, Any]], None]


@frozen
class Load:
    """What the generator does; the names are those of its options."""

    bots: int = 10
    answer_bots: int | None = None
    """The first so many have the answers; the others are idle. None: all of them."""
    answers: int = 50
    window: int = 16
    chunks: int = 500
    """Of one answer."""
    rate: float = 0.0
    """Chunks a second of each answer; 0: as fast as the window allows."""
    pace: float = 0.0
    """Seconds between two questions of all readers together; 0: each asks again at once."""
    together: bool = False
    """All readers ask in one instant, again and again."""
    offline: bool = False
    """No bot is connected; the text for that is the right answer."""
    seconds: float = 4.0
    warm_up: float = 1.0
    connecting: int | None = None
    """So many bots link, and readers begin, at once."""
    kill_at: float | None = None
    """So long (seconds) into the measurement all idle bots are killed at once, and come back."""
    probe: str | None = None
    """A path that is asked for every 20 ms, to see how late the server is."""
    script: str | None = None
    """A file with a turn to be replayed."""
    link_within: float = 60.0
    """Seconds until all bots are linked; more is a failure."""

    def arguments(self) -> list[str]:
        """The options of the command line."""
        found: list[str] = []
        for each in fields(type(self)):
            value = getattr(self, each.name)
            if value is None or value is False or (each.name == "rate" and value == 0):
                continue
            found.append("--" + each.name.replace("_", "-"))
            if value is not True:
                found.append(str(value))
        return found


@frozen
class Target:
    """Where the load goes."""

    port: int
    key: str
    bots_file: Path
    pids: Sequence[int]
    dialect: str
    model_port: int | None = None
    admin_port: int | None = None
    """Of a gateway: where its pages are."""


def compile_generator(cache: Path) -> Path:
    """The program in `cache`, compiled unless it is there already. Raises BenchError."""
    compiler = os.environ.get("CC") or next(
        (name for name in ("cc", "gcc", "clang") if shutil.which(name)), None
    )
    if compiler is None:
        raise BenchError("there is no C compiler: install gcc or clang (package build-essential)")
    sources = sorted(SOURCES.glob("*.c"))
    known = hashlib.sha256(" ".join((compiler, *FLAGS)).encode())
    for path in sorted(SOURCES.iterdir()):
        known.update(path.read_bytes())
    program = cache / f"load-{known.hexdigest()[:16]}"
    if program.exists():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        made = Path(folder) / "load"
        done = subprocess.run(  # noqa: S603
            [compiler, *FLAGS, *map(str, sources), "-o", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BenchError(f"{compiler} does not compile the load generator: {done.stderr}")
        made.replace(program)
    return program


def run_generator(
    program: Path, target: Target, load: Load, *, core: int | None, progress: Progress
) -> dict[str, Any]:
    """Load the target and return what was found out. Raises BenchError when it cannot be done.

    `over_time` in it has what was reported each second.
    """
    command = [str(program), "--port", str(target.port), "--key", target.key]
    command += ["--bots-file", str(target.bots_file), "--dialect", target.dialect]
    command += ["--watch", ",".join(map(str, target.pids)), *load.arguments()]
    if target.model_port is not None:
        command += ["--model-port", str(target.model_port)]
    with on_core(core):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    said: dict[str, Any] = {}
    over_time: list[dict[str, Any]] = []
    longest = load.seconds + load.warm_up + 2 * load.link_within + PATIENCE
    watchdog = threading.Timer(longest, process.kill)
    watchdog.start()
    try:
        for line in cast(Any, process.stdout):
            said = json.loads(line)
            progress(said)
            if said["event"] == "progress":
                over_time.append(said)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        cast(Any, process.stdout).close()
    if said.get("event") != "result":
        raise BenchError(f"the load generator says: {said.get('why', 'nothing at all')}")
    return {**said, "over_time": over_time}


def faults_of(report: Mapping[str, Any]) -> dict[str, int]:
    """What must not happen, with its count; empty when all is well."""
    found = {
        f"{where}_{what}": count
        for where in ("events", "acknowledgements")
        for what, count in report[where].items()
    }
    for name in _NEVER:
        found[name] = report[name]
    return {name: count for name, count in found.items() if count}
