"""How long the gateway takes from the start of its process until it serves."""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench.errors import BenchError
from bench.processes import running
from bench.servers import PROGRAM, House, furnish, quiet, serve_arguments

HEALTHY_WITHIN = 20.0  # seconds


def measure_start_up(core: int | None) -> dict[str, float]:
    """Milliseconds to the ready line, and to the first 200 of /health. Raises BenchError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        furnish(folder, House(bots=1))
        command = [*PROGRAM, *serve_arguments(folder)]
        log = folder / "gateway.log"
        began = time.monotonic()
        with running(command, core=core, log=log, environment=quiet(folder)) as process:
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
