"""How long the gateway takes from the start of its process until it serves."""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench.checkout import Checkout
from bench.errors import BenchError
from bench.figures import Figure
from bench.house import House, furnish, quiet, serve_arguments
from bench.processes import running
from bench.scenario import Bench, Report, Scenario
from bench.servers import Server

HEALTHY_WITHIN = 20.0  # seconds


class StartUp(Scenario):
    """How long the gateway takes until it serves."""

    name = "start-up"
    title = "Start-up"
    about = "from the start of the process to its ready line, and to the first 200 of /health"
    figures = (
        Figure("ready_ms", "ready line ms", ("ready_ms",), 0),
        Figure("healthy_ms", "first 200 ms", ("healthy_ms",), 0),
    )
    repeats = 5

    def can(self, server: Server) -> bool:
        return server.checkout is not None

    def measure(self, bench: Bench, server: Server) -> Report:
        if server.checkout is None:
            raise BenchError("only a gateway says when it is ready")
        return {**measure_start_up(server.checkout, bench.cores.server), "faults": {}}


def measure_start_up(checkout: Checkout, core: int | None) -> dict[str, float]:
    """Milliseconds to the ready line, and to the first 200 of /health. Raises BenchError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        furnish(folder, House(bots=1), checkout)
        log = folder / "gateway.log"
        began = time.monotonic()
        with running(
            checkout.command(*serve_arguments(folder)),
            core=core,
            log=log,
            environment=quiet(folder),
            folder=checkout.folder,
        ) as process:
            line = process.stdout.readline() if process.stdout is not None else b""
            ready = time.monotonic()
            if not line:
                raise BenchError(f"the gateway did not start: {log.read_text('utf-8')[-400:]}")
            _wait_until_healthy(int(json.loads(line)["listen"].rpartition(":")[2]))
            healthy = time.monotonic()
    return {"ready_ms": (ready - began) * 1000, "healthy_ms": (healthy - began) * 1000}


def _wait_until_healthy(port: int) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with suppress(OSError):
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                connection.close()
                return
        connection.close()
        time.sleep(0.002)
    raise BenchError("the gateway is not healthy")
