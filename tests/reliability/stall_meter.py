"""What an attack does to everybody else: how long they wait, how much memory it takes and keeps.

The gateway is a process of its own. While the attack goes on, `/health` is asked every 20 ms over
a connection of its own each time, as a probe does it, and one healthy turn after the other is
answered by an embedded bot and compared byte for byte.

Four ask: one from an address of its own, who is somebody else, and three from the attacker's, as
everybody behind the same proxy would: one who shows a key, one whom nothing tells apart, and one
who has shown a key before and keeps the connection.

What counts is how long the loop of the gateway was at work until the answer came. That is what
everybody waits for, and it is the same on a machine that has other things to do. Who asks is a
process of its own (`health_probe`), for which no attacker is in the way.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import attrs
import trio
from attrs import define, field
from fakes import assert_whole
from house import House
from running_gateway import Gateway

PROBE: Final = Path(__file__).with_name("health_probe.py")
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
# A question that the embedded bot echoes in twenty pieces, over a second.
WORDS: Final = " ".join(f"word{number}" for number in range(20))
# An attack with all that belongs to it takes no longer (seconds).
LONGEST: Final = 90.0
# Behind an attack the process has so long to give back what it took (seconds).
GIVEN_BACK_WITHIN: Final = 4.0
# Nobody else may wait longer beside an attack (seconds). Promised is a fifth of that, and what was
# seen is printed; the machine of a test has two cores and more than one thing to do, so that the
# same attack costs 48 ms in one run and once 157 in another.
PATIENCE: Final = 0.25
# Who comes from the same address as a crowd stands in one line with it (seconds).
BEHIND_ONE_PROXY: Final = 0.5
# Those who measure are processes, on a machine that has other things to do (seconds).
STARTED_WITHIN: Final = 30.0
MEBIBYTE: Final = 1_048_576


@define(eq=False)
class StallMeter:
    """What was measured, as it comes."""

    gateway: Gateway
    waits: list[float] = field(factory=list)
    """Seconds that the loop was at work while each answer of `/health` was waited for."""
    near: list[float] = field(factory=list)
    """The same from the attacker's own address."""
    keyed: list[float] = field(factory=list)
    """The same from there, of a connection that comes with a key."""
    kept_alive: list[float] = field(factory=list)
    """The same from there, over one connection that has shown a key."""
    sizes: list[int] = field(factory=list)
    """Bytes of the process, each time."""
    before: int = 0
    after: int = 0
    turns: int = 0
    """Healthy turns that were answered whole."""
    _is_over: trio.Event = field(factory=trio.Event)

    @property
    def worst(self) -> float:
        """The longest that anybody waited (seconds)."""
        return max(self.waits)

    @property
    def growth(self) -> int:
        """How much larger the process was at its largest (bytes)."""
        return max(*self.sizes, self.after) - self.before

    @property
    def kept(self) -> int:
        """How much larger it has stayed (bytes)."""
        return self.after - self.before

    def __str__(self) -> str:
        ordered = sorted(self.waits)
        return (
            f"waits of /health: worst {self.worst * 1000:.0f} ms, "
            f"p99 {ordered[int(len(ordered) * 0.99)] * 1000:.0f} ms of {len(ordered)}; "
            f"from the same address worst {max(self.near) * 1000:.0f} ms, "
            f"with a key {max(self.keyed) * 1000:.0f} ms, "
            f"over one connection {max(self.kept_alive) * 1000:.0f} ms; "
            f"memory +{self.growth / MEBIBYTE:.0f} MiB, kept {self.kept / MEBIBYTE:.0f} MiB; "
            f"{self.turns} healthy turns"
        )

    def resident(self) -> int:
        """Bytes that the gateway has now."""
        pages = Path(f"/proc/{self.gateway.process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * 4096

    async def measure(self, source: str, waits: list[float], environ: Mapping[str, str]) -> None:
        """Ask from this address until it is over."""
        asked = [str(self.gateway.process.pid), self.gateway.host, str(self.gateway.port), source]
        process = await trio.lowlevel.open_process(
            [sys.executable, "-I", str(PROBE), *asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environ},
        )
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._take_measures, process, waits)
                await self._is_over.wait()
                assert process.stdin is not None
                await process.stdin.aclose()
            assert await process.wait() == 0
        finally:
            process.kill()

    async def _take_measures(self, process: trio.Process, waits: list[float]) -> None:
        assert process.stdout is not None
        rest = b""
        async for data in process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                nanoseconds, pages = line.split()
                waits.append(int(nanoseconds) / 1e9)
                self.sizes.append(int(pages) * 4096)

    def stop(self) -> None:
        """The attack is over; the healthy turn that runs is answered to its end."""
        self._is_over.set()

    @property
    def is_over(self) -> bool:
        return self._is_over.is_set()


@asynccontextmanager
async def attacked(
    house: House, *, lines: int = 200, authority: Path | None = None, turns_out: bool = False
) -> AsyncIterator[StallMeter]:
    """The attack goes into the block. Behind it nobody has waited, nothing was kept, and the log
    is without a traceback and shorter than `lines`, besides those of turns. With the certificate
    of an `authority` all of it is TLS. Where it `turns_out` others of its address, these come
    again until they are answered."""
    house.lifetime = LONGEST
    trusted = None if authority is None else ssl.create_default_context(cafile=str(authority))
    environ = {} if authority is None else {"PROBE_CA": str(authority)}
    near = environ | ({"PROBE_AGAIN": "yes"} if turns_out else {})
    async with house.serve(scheme="http" if trusted is None else "https") as plain:
        gateway = attrs.evolve(plain, trusted=trusted)
        meter = StallMeter(gateway)
        assert_whole(await gateway.ask(WORDS), WORDS)  # all that is made once has been made
        meter.before = meter.resident()
        async with trio.open_nursery() as nursery:
            asking = (
                (ELSEWHERE, meter.waits, environ),
                (HERE, meter.near, near),
                (HERE, meter.keyed, {**near, "PROBE_KEY": gateway.key}),
                (
                    HERE,
                    meter.kept_alive,
                    {**environ, "PROBE_KEY": gateway.key, "PROBE_KEPT": "yes"},
                ),
            )
            for source, waits, added in asking:
                nursery.start_soon(meter.measure, source, waits, added)
            nursery.start_soon(_stay_healthy, meter)
            try:
                with trio.fail_after(STARTED_WITHIN):
                    while not meter.turns or not all(waits for _, waits, _ in asking):
                        await trio.sleep(0.02)
                yield meter
            finally:
                meter.stop()
        with trio.move_on_after(GIVEN_BACK_WITHIN):
            while meter.resident() - meter.before > 16 * MEBIBYTE:
                await trio.sleep(0.02)
        meter.after = meter.resident()
        assert gateway.child is not None
        logged = [line for line in gateway.child.log.splitlines() if "turn." not in line]
    assert len(logged) < lines, logged[-20:]


async def _stay_healthy(meter: StallMeter) -> None:
    while not meter.is_over:
        assert_whole(await meter.gateway.ask(WORDS), WORDS)
        meter.turns += 1


async def send(gateway: Gateway, sent: bytes, *, waits: bool = True) -> bytes:
    """Send these bytes over a connection of their own, as far as they are taken; what comes back
    until the gateway ends it, or at once where nobody waits for that."""
    received = bytearray()
    stream = await trio.open_tcp_stream(gateway.host, gateway.port)
    async with stream, trio.open_nursery() as nursery:

        async def receive() -> None:
            with suppress(trio.BrokenResourceError):
                while data := await stream.receive_some():
                    received.extend(data)
            nursery.cancel_scope.cancel()

        nursery.start_soon(receive)
        with suppress(trio.BrokenResourceError):
            await stream.send_all(sent)
        if not waits:
            nursery.cancel_scope.cancel()
    return bytes(received)
