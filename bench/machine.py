"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from bench.processes import Cores


def describe_machine(cores: Cores) -> dict[str, Any]:
    """Processor, memory, kernel and Python; nothing that names this very machine."""
    return {
        "processor": _value("/proc/cpuinfo", "model name") or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_mb": int((_value("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "server_core": cores.server,
        "load_core": cores.load,
        "load_average": os.getloadavg()[0],
    }


def _value(path: str, key: str) -> str | None:
    for line in Path(path).read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None
