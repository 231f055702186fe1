"""What large pieces of memory took is given back."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from eyeclaw_trio.app.allocator import (
    CROWD,
    LOOK_EVERY,
    give_back_after_crowds,
    give_large_pieces_back,
)

# Photos come and go one beside the other, and something small that stays is made between them.
SCRIPT = """
from pathlib import Path
from eyeclaw_trio.app.allocator import give_large_pieces_back

def resident():
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096

give_large_pieces_back()
before, kept = resident(), []
for _ in range(3):
    pieces = []
    for _ in range(50):
        pieces.append(b"x" * (600_000 + len(kept)))
        kept.append(bytearray(4_000))
    pieces.clear()
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux shows it so")
def test_large_pieces_leave_nothing_behind() -> None:
    """30 MB stayed of the 30 that were taken each time."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 4_000_000


def test_where_the_library_cannot_be_told_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    give_large_pieces_back()


async def test_when_a_crowd_has_gone_what_lies_between_is_given_back_and_not_for_a_few(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[float] = []

    class Library:
        def malloc_trim(self, pad: int) -> None:
            assert pad == 0
            trimmed.append(trio.current_time())

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library())
    counts = iter([0, CROWD, CROWD + 9, 10, 9, CROWD + 8, 9, 9, 9])
    with trio.move_on_after(8.5 * LOOK_EVERY):
        await give_back_after_crowds(lambda: next(counts))
    assert trimmed == [5 * LOOK_EVERY]


async def test_a_c_library_that_cannot_give_back_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    await give_back_after_crowds(lambda: 0)
