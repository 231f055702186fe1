"""What it costs to have no Python: time to the ready line and memory, beside the checkout's."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

from bench.checkout import Checkout
from bench.house import House, furnish, quiet, serve_arguments
from bench.processes import running

# Rounds: at least so many, then until the least of every program has not fallen by more than a
# fiftieth within the last so many. On a quiet machine that is soon.
FEWEST, MOST, LAST = 9, 40, 6


@frozen
class Packed(Checkout):
    """A program that needs no Python beside it."""

    def command(self, *words: str) -> list[str]:
        return [str(self.python), *words]


@frozen
class Start:
    """Seconds to the ready line, and what the process held then, in KiB."""

    seconds: float
    rss: int


def start(program: Checkout, folder: Path) -> Start:
    began = time.monotonic()
    with running(
        program.command(*serve_arguments(folder)),
        core=None,
        log=folder / "log",
        environment=quiet(folder),
        folder=program.folder,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.monotonic() - began
        status = Path(f"/proc/{json.loads(line)['pid']}/status").read_text("ascii")
        [rss] = re.findall(r"VmRSS:\s+(\d+)", status)
        return Start(seconds, int(rss))


@pytest.fixture(scope="module")
def starts(
    one_file: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Start]]:
    """In turns, so that whatever else the machine does befalls all of them."""
    checkout = Checkout.of_this_bench()
    programs = {
        "checkout": checkout,
        "one file": Packed(one_file.parent, one_file),
        "folder": Packed(folder, folder / "eyeclaw"),
    }
    data = tmp_path_factory.mktemp("data")
    furnish(data, House(bots=1), checkout)
    found: dict[str, list[Start]] = {name: [] for name in programs}
    for done in range(MOST):
        if done >= FEWEST and all(map(is_settled, found.values())):
            break
        for name, program in programs.items():
            found[name].append(start(program, data))
    return found


def least(starts: list[Start], figure: Callable[[Start], float]) -> float:
    """What it costs where nothing disturbed it."""
    return min(map(figure, starts))


def is_settled(starts: list[Start]) -> bool:
    """Whether more rounds would hardly find one that less disturbed: it does not look at what is
    asserted."""
    seconds = [each.seconds for each in starts]
    return min(seconds[:-LAST]) <= 1.02 * min(seconds)


@pytest.mark.parametrize(("form", "most"), [("one file", 1.6), ("folder", 1.3)])
def test_the_ready_line_comes_hardly_later(
    starts: dict[str, list[Start]], form: str, most: float
) -> None:
    ours, plain = (least(starts[each], lambda s: s.seconds) for each in (form, "checkout"))
    rounds = len(starts[form])
    print(
        f"{form}: {ours:.3f} s, checkout: {plain:.3f} s, {ours / plain:.2f} times; {rounds} rounds"
    )
    assert ours <= most * plain


@pytest.mark.parametrize("form", ["one file", "folder"])
def test_the_gateway_holds_as_much_memory(starts: dict[str, list[Start]], form: str) -> None:
    ours, plain = (least(starts[each], lambda s: s.rss) for each in (form, "checkout"))
    print(f"{form}: {ours / 1024:.1f} MiB, checkout: {plain / 1024:.1f} MiB, {ours / plain:.2f}")
    assert ours <= 1.1 * plain
