"""A TCP proxy that makes the network as bad as it can be: for tests, in trio.

It can delay, slice into single bytes, cut (FIN), reset (RST), swallow (a blackhole: everything
is taken and nothing arrives, as after a power loss) and stop reading. Each direction of each
connection obeys the proxy's weather at the moment a piece of data passes.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from attrs import define, field


@define
class Weather:
    """What happens to data on its way. Delays in seconds, sizes in bytes."""

    delay: float = 0.0
    slice: int = 0  # 0: as it comes
    reading: bool = True  # false: nothing is taken from either end
    blackhole: bool = False


@define(eq=False)
class ChaosProxy:
    """Connects each client to the target, through the weather."""

    host: str
    target_port: int
    weather: Weather = field(factory=Weather)
    port: int = 0
    counts: Counter[str] = field(factory=Counter)
    _live: set[_Pair] = field(factory=set)
    _change: trio.Event = field(factory=trio.Event)

    @property
    def connections(self) -> int:
        """How many connections pass through now."""
        return len(self._live)

    def set_weather(self, **fields: float | bool) -> None:
        """Change the weather for all that passes from now on."""
        for name, value in fields.items():
            setattr(self.weather, name, value)
        self._change.set()
        self._change = trio.Event()

    def reset_all(self) -> int:
        """End all connections with RST, at both ends; returns how many."""
        return self._end_all("reset")

    def cut_all(self) -> int:
        """End all connections with FIN, at both ends; returns how many."""
        return self._end_all("cut")

    def _end_all(self, how: str) -> int:
        pairs = list(self._live)
        for pair in pairs:
            self.counts[how] += 1
            pair.end(reset=how == "reset")
        return len(pairs)

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept clients until cancelled."""
        listeners = await trio.open_tcp_listeners(0, host=self.host)
        self.port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._pass, listeners)
            task_status.started()

    async def _pass(self, client: trio.SocketStream) -> None:
        try:
            target = await trio.open_tcp_stream(self.host, self.target_port)
        except OSError:
            await trio.aclose_forcefully(client)
            return
        pair = _Pair(client, target)
        self._live.add(pair)
        try:
            with pair.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._pump, client, target)
                    nursery.start_soon(self._pump, target, client)
        finally:
            self._live.discard(pair)
            pair.close()

    async def _pump(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        try:
            while True:
                while not self.weather.reading:
                    await self._change.wait()
                data = await source.receive_some(65_536)
                if not data:
                    await sink.send_eof()
                    return
                if self.weather.blackhole:
                    self.counts["swallowed"] += 1
                    continue
                if self.weather.delay:
                    self.counts["delayed"] += 1
                    await trio.sleep(self.weather.delay)
                size = self.weather.slice or len(data)
                for start in range(0, len(data), size):
                    await sink.send_all(data[start : start + size])
                    if self.weather.slice:
                        await trio.lowlevel.checkpoint()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


@define(eq=False)
class _Pair:
    client: trio.SocketStream
    target: trio.SocketStream
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    _reset: bool = False

    def end(self, *, reset: bool) -> None:
        self._reset = reset
        self.scope.cancel()

    def close(self) -> None:
        for stream in (self.client, self.target):
            if self._reset and stream.socket.fileno() >= 0:
                # A linger of zero seconds makes close() send RST instead of FIN.
                stream.socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            stream.socket.close()


@asynccontextmanager
async def open_chaos_proxy(
    target_port: int, *, host: str = "127.0.0.1", weather: Weather | None = None
) -> AsyncIterator[ChaosProxy]:
    """A proxy in front of a port of this machine, for as long as the block."""
    proxy = ChaosProxy(host, target_port, weather or Weather())
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.serve)
        yield proxy
        nursery.cancel_scope.cancel()
