"""`eyeclaw selftest`: every way to ask, tried by the program itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from house import PROGRAM

# It starts three gateways and connectors, one after the other (seconds).
WITHIN = 150.0


def test_the_program_finds_that_it_works(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "selftest", "--json"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert {each["state"] for each in found} == {"ok"}
    assert [each["check"] for each in found] == [
        *("version", "trust", "pictures", "ask", "chat", "connect", "pages", "gateway", "tls"),
        "temporary",
    ]
    assert list(tmp_path.iterdir()) == []
