"""The command blocks of the pages, typed as they stand, page by page, beside a gateway that runs.

What is not run here has its reason in `NOT_RUN`; everything else has to end with status 0.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from house import PROGRAM, House
from processes import environ_of
from running_gateway import Gateway

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "en").glob("*.md"))]
BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# `doctor --public` keeps a connection for half a minute (seconds).
WITHIN: Final = 100.0

# What is typed where a command asks for something: a question of `chat`, the password of the pages.
TYPED: Final = "the words of whoever types\n"

NOT_RUN: Final = {
    r"make |git |cd eyeclaw-trio|.ci/run": "it builds, tests or fetches the checkout; CI calls it",
    r"python3 -m venv|~/eyeclaw/bin/pip": "it takes the package index; `make test-wheel` installs",
    r"dpkg |eyeclawctl |systemctl |journalctl |useradd |install |ln -s ": "`make test-deb` does",
    r"dist/eyeclaw ": "`make test-binary` runs it",
    r"docker ": "it takes a container engine",
    r"openclaw (config|cron)": "it takes OpenClaw",
    r".*eyeclaw connect ": "it runs for ever; the tests of bots have it",
    r"eyeclaw serve": "the gateway of these tests is one",
    r"eyeclaw providers check": "it asks a model of somebody else's",
    r"eyeclaw bot bind": "it waits five minutes for glasses; test_end_to_end_binding does it",
    r"eyeclaw push|.*/api/rokid/push": "it takes the platform; test_end_to_end_push has it",
    r"eyeclaw ask --image": "it fetches a photo from the internet; the tests of photos have it",
    r"eyeclaw restore": "it wants no gateway; test_store_backup has it",
    r"eyeclaw selftest": "test_end_to_end_selftest has it",
}


def lines_of(page: Path) -> list[str]:
    """What one types, without comments."""
    blocks = "".join(BLOCK.findall(page.read_text("utf-8"))).replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line).rstrip() for line in blocks.splitlines()]
    # What is kept in a variable is for the line behind it.
    return re.sub(
        r"^(\w+=\$\(.*)\n", r"\1; ", "\n".join(filter(None, lines)), flags=re.MULTILINE
    ).splitlines()


def reason(line: str) -> str | None:
    return next((why for what, why in NOT_RUN.items() if re.match(what, line)), None)


def runnable(page: Path) -> list[str]:
    """What is run of it: a line that an earlier page has as well is not run once more."""
    before = {line for each in PAGES[: PAGES.index(page)] for line in lines_of(each)}
    lines = [line for line in lines_of(page) if reason(line) is None]
    return [line for line in lines if line not in before or line.startswith("export ")]


@contextmanager
def furnished(folder: Path) -> Iterator[tuple[House, Gateway, dict[str, str]]]:
    """A gateway, bots and records that the pages speak of, and the shell that types."""
    house = House(folder)
    (folder / "bin").mkdir()
    program = folder / "bin" / "eyeclaw"
    command = " ".join(map(shlex.quote, [*PROGRAM, "--data", str(house.data)]))
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', "utf-8")
    program.chmod(0o700)
    with house.serve_shared() as gateway:
        house.configure(f'listen = "127.0.0.1:{gateway.port}"\n')
        environ = {
            **environ_of(folder, {}),
            "PATH": f"{folder}/bin:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin",
            "EYECLAW_KEY": gateway.key,
            "LC_ALL": "C.UTF-8",
        }
        yield house, gateway, environ


def as_typed(line: str, house: House, gateway: Gateway) -> str:
    """The line with what a reader puts in: the address, the key, the id of a trace."""
    line = line.replace("https://YOUR-HOST", gateway.url).replace("ak_…", gateway.key)
    line = line.replace("http://127.0.0.1:8001", gateway.url)
    line = re.sub(r"^(export \w+)=…$", r"\1=the-key", line)
    if "trace_" in line:
        [newest, *_] = house.command_now("trace", "list", "--json").result
        line = re.sub(r"trace_\w+", newest["trace_id"], line)
    return line


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=lambda p: p.stem)
def test_every_command_of_the_page_can_be_typed(page: Path, tmp_path: Path) -> None:
    with furnished(tmp_path) as (house, gateway, environ):
        if page.stem == "wearers":
            house.command_now("bot", "add", "home", "--provider", "echo")
        before = ""
        for line in runnable(page):
            typed = before + as_typed(line, house, gateway)
            done = subprocess.run(
                ["bash", "-c", typed],
                env=environ,
                cwd=tmp_path,
                input=TYPED,
                capture_output=True,
                text=True,
                timeout=WITHIN,
                check=False,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            assert "Invalid access key" not in done.stdout  # curl would be content with it
            if line.startswith("export "):  # holds for those that follow
                before = f"{typed}\n"


def test_every_reason_is_still_that_of_a_line() -> None:
    lines = [line for page in PAGES for line in lines_of(page)]
    for what in NOT_RUN:
        assert any(re.match(what, line) for line in lines), what


def test_most_lines_of_ours_are_run() -> None:
    ours = [line for page in PAGES for line in lines_of(page) if re.match(r".*eyeclaw \w", line)]
    run = [line for line in ours if reason(line) is None]
    assert len(run) > len(ours) / 2
