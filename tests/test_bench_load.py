"""The load generator finds what a server loses, doubles and reorders: a server that does all that.

It speaks the plainest of the generator's dialects, a publisher's WebSocket and a reader's events.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, evolve, field

from bench.generator import FLAGS, SOURCES, Load, Target, compile_generator, run_generator

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
CACHE = Path(__file__).parents[1] / ".cache" / "bench"
LOAD = Load(
    bots=1, answers=1, window=16, chunks=100, rate=200, seconds=1.0, warm_up=0.05, link_within=10
)
RUN_WITHIN = 30.0
PROBE_TAKES = 0.2  # of a second: longer than it takes to begin

pytestmark = pytest.mark.skipif(
    COMPILER is None, reason="there is no C compiler for the load generator"
)

Spoil = Callable[[int, bytes], Sequence[bytes]]


@define(eq=False)
class Channel:
    """One publisher, one reader, and what is done to the events between them."""

    spoil: Spoil
    count: int = 0
    closes_first: bool = False
    probes: int = 0
    events: trio.MemorySendChannel[bytes] = field(init=False)
    heard: trio.MemoryReceiveChannel[bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.events, self.heard = trio.open_memory_channel[bytes](1000)

    async def serve(self, stream: trio.SocketStream) -> None:
        if self.closes_first:
            self.closes_first = False
            await stream.aclose()
            return
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = await stream.receive_some()
            if not data:
                return
            head += data
        if head.startswith(b"GET /probe "):
            serve = self.answer_probes
        else:
            serve = self.publish if head.startswith(b"GET /pub/") else self.subscribe
        try:
            await serve(stream)
        except trio.BrokenResourceError:
            return

    async def answer_probes(self, stream: trio.SocketStream) -> None:
        asked = b"GET"
        while asked:
            assert asked.count(b"GET") == 1  # who has asked waits for the answer
            self.probes += 1
            await trio.sleep(PROBE_TAKES)
            await stream.send_all(b"HTTP/1.1 404 Not found\r\nContent-Length: 2\r\n\r\n{}")
            asked = bytes(await stream.receive_some())

    async def publish(self, stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        data = bytearray()
        while received := await stream.receive_some():
            data += received
            while len(data) > 4 and len(data) >= (whole := 8 + int.from_bytes(data[2:4], "big")):
                assert data[:2] == b"\x81\xfe"  # a masked text frame of more than 125 bytes
                mask, payload = data[4:8], data[8:whole]
                text = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
                del data[:whole]
                for event in self.spoil(self.count, text):
                    self.events.send_nowait(event)
                self.count += 1

    async def subscribe(self, stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n: hi\n\n")
        async for event in self.heard:
            await stream.send_all(b"data: " + event + b"\n\n")


async def run_with(spoil: Spoil, folder: Path) -> dict[str, Any]:
    """What the generator finds out about a server that does this to each event."""
    return await run_against(Channel(spoil), LOAD, folder)


async def run_against(channel: Channel, load: Load, folder: Path) -> dict[str, Any]:
    (folder / "bots").write_text("1 token\n", "ascii")
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, channel.serve, listeners)
        target = Target(listeners[0].socket.getsockname()[1], "key", folder / "bots", [1], "nchan")
        program = await trio.to_thread.run_sync(compile_generator, CACHE)
        run = partial(run_generator, program, target, load, core=None, progress=lambda _: None)
        with trio.fail_after(RUN_WITHIN):
            report = await trio.to_thread.run_sync(run)
        nursery.cancel_scope.cancel()
    return report


async def test_a_server_that_does_its_work_has_no_faults(tmp_path: Path) -> None:
    report = await run_with(lambda _, event: [event], tmp_path)

    assert report["events"] == {"lost": 0, "doubled": 0, "reordered": 0}
    assert report["surprises"] == report["unfinished"] == 0
    assert report["all_chunks"] > 0


async def test_a_lost_event_is_counted(tmp_path: Path) -> None:
    report = await run_with(lambda n, event: [] if n == 3 else [event], tmp_path)

    assert report["events"] == {"lost": 1, "doubled": 0, "reordered": 0}


async def test_a_doubled_event_is_counted(tmp_path: Path) -> None:
    report = await run_with(lambda n, event: [event] * (2 if n == 5 else 1), tmp_path)

    assert report["events"] == {"lost": 0, "doubled": 1, "reordered": 0}


async def test_events_that_change_places_are_counted_as_reordered_and_not_as_lost(
    tmp_path: Path,
) -> None:
    held: list[bytes] = []

    def swap(n: int, event: bytes) -> Sequence[bytes]:
        if n == 7:
            held.append(event)
            return []
        return [event, *held] if n == 8 else [event]

    report = await run_with(swap, tmp_path)

    assert report["events"] == {"lost": 0, "doubled": 0, "reordered": 1}


async def test_a_probe_that_has_lost_its_connection_waits_for_the_measurement_and_for_its_answers(
    tmp_path: Path,
) -> None:
    channel = Channel(lambda _, event: [event], closes_first=True)
    report = await run_against(channel, evolve(LOAD, probe="/probe"), tmp_path)
    assert report["surprises"] == 0, report["surprise"]
    assert 1 <= report["probe_ms"]["count"] <= channel.probes
    assert report["probe_ms"]["max"] < RUN_WITHIN * 1000


def test_the_generator_compiles_without_a_warning(tmp_path: Path) -> None:
    sources = sorted(map(str, SOURCES.glob("*.c")))
    command = [str(COMPILER), *FLAGS, "-Werror", *sources, "-o", str(tmp_path / "load")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_includes_of_the_generator_point_one_way() -> None:
    """A name stands for its `.c` and its `.h`; a file that includes back would be a circle."""
    included: dict[str, set[str]] = {}
    for path in SOURCES.iterdir():
        names = re.findall(r'#include "(\w+)\.h"', path.read_text("utf-8"))
        included.setdefault(path.stem, set()).update(set(names) - {path.stem})

    order = list(TopologicalSorter(included).static_order())  # raises CycleError on a circle

    assert order[-1] == "main"
    assert {"clock", "memory", "counters"} <= set(order)
