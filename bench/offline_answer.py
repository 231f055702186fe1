"""How fast a wearer hears that the bot is offline: many at once, over real sockets.

    python bench/offline_answer.py [--readers N] [--rounds N]

The gateway is a process of its own; so many readers ask at the same moment over connections that
are open already (as the platform keeps them), and each notes when the text has arrived. Beside
the burst: the same readers, each asking in its own time. Prints one JSON object. Target: p99
under 10 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import selectors
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from subprocess import DEVNULL, PIPE, Popen, run

TARGET_MS = 10.0
OFFLINE = "Bot 已离线".encode()
END = b"\r\n0\r\n\r\n"
PROGRAM = [sys.executable, "-m", "eyeclaw_trio"]


def make_request(key: str, text: str) -> bytes:
    """A question of the glasses as the platform sends it."""
    body = json.dumps(
        {"message_id": "1", "agent_id": "1", "message": [{"role": "user", "text": text}]}
    ).encode()
    head = (
        "POST /sse/rokid HTTP/1.1\r\nHost: gateway.example\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask_all(readers: Sequence[socket.socket], request: bytes, pause: float) -> list[float]:
    """Milliseconds from each question to its text; `pause` seconds between two of them."""
    asked: dict[socket.socket, float] = {}
    heard: list[float] = []
    waiting = dict.fromkeys(readers, b"")
    to_ask = list(readers)
    next_at = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader, selectors.EVENT_READ)
        while waiting:
            now = time.perf_counter()
            while to_ask and now >= next_at:
                reader = to_ask.pop()
                asked[reader] = time.perf_counter()
                reader.sendall(request)
                next_at += pause
                now = time.perf_counter()
            for key, _ in selector.select(max(0.0, next_at - now) if to_ask else None):
                reader = key.fileobj  # type: ignore[assignment]
                before = waiting[reader]
                data = before + reader.recv(65536)
                if OFFLINE in data and OFFLINE not in before:
                    heard.append((time.perf_counter() - asked[reader]) * 1000)
                waiting[reader] = data
                if data.endswith(END):
                    del waiting[reader]
                    selector.unregister(reader)
    return heard


def describe(times: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {
        "p50_ms": round(cuts[49], 2),
        "p99_ms": round(cuts[98], 2),
        "max_ms": round(max(times), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = [*PROGRAM, "--data", folder]
        run([*data, "bot", "add", "home"], check=True, capture_output=True)  # noqa: S603
        made = run(  # noqa: S603
            [*data, "key", "create", "bench", "--json"], check=True, capture_output=True
        )
        key = json.loads(made.stdout)["key"]
        gateway = Popen(  # noqa: S603
            [*data, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
            stdout=PIPE,
            stderr=DEVNULL,
        )
        try:
            ready = gateway.stdout.readline() if gateway.stdout is not None else b""
            host, _, port = json.loads(ready)["listen"].rpartition(":")
            readers = [socket.create_connection((host, int(port))) for _ in range(given.readers)]
            request = make_request(key, "今天天气怎么样？")
            ask_all(readers, request, 0.0)  # warms up
            burst: list[float] = []
            paced: list[float] = []
            for _ in range(given.rounds):
                burst += ask_all(readers, request, 0.0)
                paced += ask_all(readers, request, 0.005)
            for reader in readers:
                reader.close()
        finally:
            gateway.terminate()
            gateway.wait(10)
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "python": platform.python_version(),
        "readers": given.readers,
        "all_in_one_instant": describe(burst),
        "one_every_5_ms": describe(paced),
        "target_p99_ms": TARGET_MS,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
