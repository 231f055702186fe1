"""The pages in a real browser. Where no Chromium can be had, these tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from browsing import ARGUMENTS, CHROMIUM, LOSSY, Site, keep, open_site
from house import House
from playwright.sync_api import Browser, sync_playwright
from trace_helpers import end_trace, make_trace, replay_production_turn

# So many pieces, so many seconds apart: long enough to be seen growing.
_SCRIPT: Final = "script:pieces:12:0.12"
_SETTINGS: Final = """
[providers.slow]
base_url = "{base_url}"
model = "{script}"
[[bots]]
name = "teller"
provider = "slow"
default = true
[patience]
keepalive = 6.5
"""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: `apt-get install chromium` lets pages be seen")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One gateway for all tests that do not need one by themselves: with an embedded bot that
    speaks slowly, and some turns, of which the one in the middle has lost something."""
    with House(tmp_path_factory.mktemp("model")).model_shared() as model:
        settings = _SETTINGS.format(base_url=model.base_url, script=_SCRIPT)
        with open_site(browser, tmp_path_factory.mktemp("site"), settings) as opened:
            lossy = replay_production_turn({3, 4, 59}, keeps_content=True)
            lossy.trace_id = LOSSY
            turns = [end_trace(make_trace(f"trace_{number}")) for number in range(4)]
            keep(opened.house.data, turns[3], turns[2], lossy, turns[1], turns[0])
            yield opened


@pytest.fixture
def fresh_site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    """A gateway that nobody has visited."""
    with open_site(browser, tmp_path) as opened:
        yield opened
