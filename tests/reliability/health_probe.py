"""Asks `/health` every 20 ms, a connection each time, until its standard input ends. For each
answer it prints for how many nanoseconds the gateway's loop was at work until it was there, and
how many pages of memory the gateway had.

A process of its own, which goes first where the system lets it: what measures must not wait for
the attack, or that would count as a wait for the gateway.

    python health_probe.py PID HOST PORT SOURCE
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from contextlib import suppress
from typing import Final

EVERY: Final = 0.02
REQUEST: Final = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def main() -> None:
    """Blocks until the input ends; fails where an answer is another one or takes a minute."""
    pid, host, port, source = sys.argv[1:]
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    # The main thread is the loop.
    work = os.open(f"/proc/{pid}/task/{pid}/schedstat", os.O_RDONLY)
    memory = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
    due = time.perf_counter()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.perf_counter()))[0]:
        due = time.perf_counter() + EVERY
        began = _first(work, 0)
        with socket.create_connection((host, int(port)), 60, (source, 0)) as connection:
            connection.sendall(REQUEST)
            answer = connection.recv(4096)
            worked = _first(work, 0) - began
        if not answer.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"not healthy: {answer!r}")
        print(worked, _first(memory, 1), flush=True)


def _first(file: int, number: int) -> int:
    """One of the numbers in this file of the system's."""
    return int(os.pread(file, 100, 0).split()[number])


if __name__ == "__main__":
    main()
