"""The pages in a real browser. Where no Chromium can be had, these tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import ARGUMENTS, CHROMIUM, Site, open_site
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: `apt-get install chromium` lets pages be seen")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway with its demo bot, for the tests of one file; the first visit makes its owner."""
    with open_site(browser, tmp_path_factory.mktemp("site")) as opened:
        yield opened


@pytest.fixture
def fresh_site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    """A gateway that nobody has visited."""
    with open_site(browser, tmp_path) as opened:
        yield opened
