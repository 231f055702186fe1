"""The door for OpenAI clients beside LiteLLM's proxy, in front of the same scripted model.

Model and readers are here, in one process with one clock: each piece of text is the moment at which
the model has said it. What a server adds to the delay is seen against asking the model directly.

    python -m bench.openai_door [--streams 10] [--chunks 200] [--pace 0.02]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import h11
import trio
from attrs import field, frozen

from bench.errors import BenchError
from bench.machine import describe_machine
from bench.peers.peer import CannotPrepare, run
from bench.processes import Cores, family_of, free_port, running, wait_until_it_accepts

CACHE: Final = Path(__file__).parents[1] / ".cache" / "bench"
LITELLM: Final = "litellm[proxy]>=1.70"
KEY: Final = "sk-bench"

_GATEWAY: Final = """
[limits]
queued_turns = 1000

[providers.bench]
base_url = "http://127.0.0.1:{port}/v1"
model = "bench"

[[bots]]
name = "bench"
provider = "bench"
default = true
"""
_PROXY: Final = """
model_list:
  - model_name: bench
    litellm_params:
      model: openai/bench
      api_base: http://127.0.0.1:{port}/v1
      api_key: none
general_settings:
  master_key: {key}
"""


@frozen
class Load:
    """So many answers at once, each of so many pieces, a piece every `pace` seconds."""

    streams: int
    chunks: int
    pace: float


@frozen
class Asked:
    """Where a client asks, and with which key; `pid` is that of the server."""

    port: int
    key: str = field(repr=False)
    pid: int | None = None


async def serve_model(stream: trio.SocketStream, load: Load) -> None:
    """A model that says what time it is."""
    async with stream:
        connection = h11.Connection(h11.SERVER)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                try:
                    connection.receive_data(bytes(await stream.receive_some()))
                except trio.BrokenResourceError:
                    return
            elif isinstance(event, h11.EndOfMessage):
                await _answer(stream, connection, load)
                connection.start_next_cycle()
            elif not isinstance(event, h11.Request | h11.Data):
                return


async def _answer(stream: trio.SocketStream, connection: h11.Connection, load: Load) -> None:
    kind = [("Content-Type", "text/event-stream")]
    await stream.send_all(connection.send(h11.Response(status_code=200, headers=kind)) or b"")
    due = trio.current_time()
    for _ in range(load.chunks):
        due += load.pace
        await trio.sleep_until(due)
        await _say(stream, connection, {"content": f"{time.perf_counter_ns()} "}, None)
    await _say(stream, connection, {}, "stop")
    await stream.send_all(connection.send(h11.Data(data=b"data: [DONE]\n\n")) or b"")
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")


async def _say(
    stream: trio.SocketStream, connection: h11.Connection, delta: dict[str, str], end: str | None
) -> None:
    choice = {"index": 0, "delta": delta, "finish_reason": end}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    data = b"data: " + json.dumps(chunk | {"choices": [choice]}).encode() + b"\n\n"
    await stream.send_all(connection.send(h11.Data(data=data)) or b"")


async def read_answer(asked: Asked, delays: list[float]) -> None:
    """Ask, and note how old each piece was when it came (milliseconds)."""
    async with await trio.open_tcp_stream("127.0.0.1", asked.port) as stream:
        connection = h11.Connection(h11.CLIENT)
        body = json.dumps(
            {"model": "bench", "stream": True, "messages": [{"role": "user", "content": "time?"}]}
        ).encode()
        headers = [
            *(("Host", "127.0.0.1"), ("Content-Type", "application/json")),
            *(("Authorization", f"Bearer {asked.key}"), ("Content-Length", str(len(body)))),
        ]
        target = "/v1/chat/completions"
        head = connection.send(h11.Request(method="POST", target=target, headers=headers)) or b""
        rest = connection.send(h11.Data(data=body)) or b""
        end = connection.send(h11.EndOfMessage()) or b""
        await stream.send_all(head + rest + end)
        text = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some()))
            elif isinstance(event, h11.Response):
                if event.status_code != 200:
                    raise RuntimeError(f"the door has refused: {event}")
            elif isinstance(event, h11.Data):
                now = time.perf_counter_ns()
                *blocks, text = (text + bytes(event.data)).split(b"\n\n")
                for block in blocks:
                    delays += _ages(block, now)
            else:
                return


def _ages(block: bytes, now: int) -> Iterator[float]:
    if not block.startswith(b"data: {"):
        return
    for choice in json.loads(block[6:])["choices"]:
        for stamp in (choice["delta"].get("content") or "").split():
            yield (now - int(stamp)) / 1e6


@contextmanager
def serve_gateway(folder: Path, port: int, core: int | None) -> Iterator[Asked]:
    """This gateway, with an embedded bot."""
    (folder / "eyeclaw.toml").write_text(_GATEWAY.format(port=port), "utf-8")
    program = [sys.executable, "-m", "eyeclaw_trio"]
    data = ["--data", str(folder / "data"), "--config", str(folder / "eyeclaw.toml")]
    made = json.loads(run(*program, "key", "create", "bench", "--json", *data))
    listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    log = folder / "gateway.log"
    quiet = {"HOME": str(folder)}
    with running([*program, "serve", *data, *listen], core=core, log=log, environment=quiet) as it:
        if it.stdout is None:
            raise RuntimeError("a process without its pipe")
        ready = json.loads(it.stdout.readline())
        yield Asked(int(ready["listen"].rpartition(":")[2]), made["key"], it.pid)


@contextmanager
def serve_litellm(folder: Path, port: int, core: int | None) -> Iterator[Asked]:
    """LiteLLM's proxy with one worker. Raises CannotPrepare where it is not to be had."""
    venv = CACHE / "litellm"
    if not (venv / "bin" / "litellm").exists():
        run(sys.executable, "-m", "venv", venv)
        run(venv / "bin" / "pip", "install", "--quiet", LITELLM)
    (folder / "litellm.yaml").write_text(_PROXY.format(port=port, key=KEY), "utf-8")
    own = free_port()
    command = [str(venv / "bin" / "litellm"), "--config", str(folder / "litellm.yaml")]
    where = ["--host", "127.0.0.1", "--port", str(own), "--num_workers", "1"]
    quiet = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    log = folder / "litellm.log"
    with running([*command, *where], core=core, log=log, environment=quiet) as it:
        _wait_for_long(it, own)
        yield Asked(own, KEY, it.pid)


def _wait_for_long(process: subprocess.Popen[bytes], port: int) -> None:
    """It imports for half a minute. Raises CannotPrepare."""
    for _ in range(4):
        try:
            return wait_until_it_accepts(process, port)
        except BenchError as why:
            if process.poll() is not None:
                raise CannotPrepare(str(why)) from None
    raise CannotPrepare("it did not accept connections within two minutes")


def cpu_seconds(pid: int) -> float:
    """What this process and all below it have used of a processor.

    By the processes' own clocks (clock_getcpuclockid(3) makes their ids like this): the hundredths
    of a second in /proc would be 50 µs for each chunk of one stream.
    """
    return sum(time.clock_gettime(~each << 3 | 2) for each in family_of(pid))


async def measure(asked: Asked, load: Load) -> dict[str, float]:
    """Ask once to warm up, then so many times at once."""
    await read_answer(asked, [])
    before = cpu_seconds(asked.pid) if asked.pid is not None else math.nan
    delays: list[float] = []
    async with trio.open_nursery() as nursery:
        for _ in range(load.streams):
            nursery.start_soon(read_answer, asked, delays)
    used = cpu_seconds(asked.pid) - before if asked.pid is not None else math.nan
    expected = load.streams * load.chunks
    if len(delays) != expected:
        raise CannotPrepare(f"{len(delays)} of {expected} chunks came")
    cuts = statistics.quantiles(delays, n=100)
    return {
        "p50_ms": round(cuts[49], 3),
        "p99_ms": round(cuts[98], 3),
        "cpu_us_per_chunk": round(used * 1e6 / expected, 1),
    }


@asynccontextmanager
async def open_model(load: Load) -> AsyncIterator[int]:
    """The model, on a port of this machine."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, lambda s: serve_model(s, load), listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def compare(load: Load, folder: Path) -> dict[str, Any]:
    """All of them, one after the other; who cannot take part says why."""
    cores = Cores.choose()
    results: dict[str, Any] = {"machine": describe_machine(cores)}
    async with open_model(load) as port:
        results["direct"] = await measure(Asked(port, "none"), load)
        for name, serve in (("eyeclaw-trio", serve_gateway), ("litellm", serve_litellm)):
            try:
                with serve(folder, port, cores.server) as asked:
                    results[name] = await measure(asked, load)
            except CannotPrepare as why:
                results[name] = {"left_out": str(why)}
    return results


def main() -> None:
    """Measure, and print one line of JSON for each."""
    parser = argparse.ArgumentParser(description="The door for OpenAI clients beside LiteLLM's")
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--pace", type=float, default=0.02)
    given = parser.parse_args()
    load = Load(given.streams, given.chunks, given.pace)
    with tempfile.TemporaryDirectory() as folder:
        results = trio.run(compare, load, Path(folder))
    for name, figures in results.items():
        sys.stdout.write(json.dumps({name: figures}) + "\n")


if __name__ == "__main__":
    main()
