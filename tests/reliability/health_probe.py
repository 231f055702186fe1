"""Asks `/health` every 20 ms, a connection each time, until its standard input ends. For each
answer it prints for how many nanoseconds the gateway's loop was at work until it was there, and
how many pages of memory the gateway had.

A process of its own, which goes first where the system lets it: what measures must not wait for
the attack, or that would count as a wait for the gateway.

    python health_probe.py PID HOST PORT SOURCE

Where PROBE_AGAIN is set it comes again when it had to make room for others, until it is answered.
With PROBE_KEY in the environment it asks for `/v1/models` with this key, with PROBE_KEPT over one
connection again and again; PROBE_CA is the file of the authority where it is TLS.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import sys
import time
from contextlib import suppress
from typing import Final

EVERY: Final = 0.02
PID, HOST, PORT, SOURCE = sys.argv[1:]
KEY, CA = os.environ.get("PROBE_KEY"), os.environ.get("PROBE_CA")
CONTEXT: Final = ssl.create_default_context(cafile=CA) if CA else None
REQUEST: Final = (
    f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    if KEY
    else "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
).encode()


def main() -> None:
    """Blocks until the input ends; fails where an answer is another one or takes a minute."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    # The main thread is the loop.
    work = os.open(f"/proc/{PID}/task/{PID}/schedstat", os.O_RDONLY)
    memory = os.open(f"/proc/{PID}/statm", os.O_RDONLY)
    kept = _connect() if "PROBE_KEPT" in os.environ else None
    due = time.perf_counter()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.perf_counter()))[0]:
        due = time.perf_counter() + EVERY
        began = _first(work, 0)
        answer = _ask(kept)
        while not answer and "PROBE_AGAIN" in os.environ:
            answer = _ask(kept)
        worked = _first(work, 0) - began
        if not answer.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"not healthy: {answer!r}")
        print(worked, _first(memory, 1), flush=True)


def _ask(kept: socket.socket | None) -> bytes:
    """The answer, over a connection that was kept, or one more; nothing where it was ended."""
    with suppress(OSError):
        connection = kept or _connect()
        connection.sendall(REQUEST)
        answer = connection.recv(4096)
        if kept is None:
            connection.close()
        return answer
    return b""


def _connect() -> socket.socket:
    connection = socket.create_connection((HOST, int(PORT)), 60, (SOURCE, 0))
    if CONTEXT is None:
        return connection
    return CONTEXT.wrap_socket(connection, server_hostname=HOST)


def _first(file: int, number: int) -> int:
    """One of the numbers in this file of the system's."""
    return int(os.pread(file, 100, 0).split()[number])


if __name__ == "__main__":
    main()
