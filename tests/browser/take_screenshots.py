"""Pictures of the pages, of a gateway that has been lived in.

`docs/images` gets those that README shows; `build/screenshots` gets every page in both languages,
both colours, and on a phone, to be looked at.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from browsing import ARGUMENTS, CHROMIUM, DESK, PHONE, WITHIN, Site, Visit, ask, open_site
from lived_in import SETTINGS, LivedIn, live_in
from playwright.sync_api import Browser, expect, sync_playwright
from scripted_bot import linked_bot

from eyeclaw_trio.admin.site import PAGES

ROOT: Final = Path(__file__).parents[2]
ALL: Final = ROOT / "build" / "screenshots"
SHOWN: Final = ROOT / "docs" / "images"
WAYS: Final = {
    "desk-en-light": ("en", "light", DESK),
    "desk-zh-dark": ("zh", "dark", DESK),
    "phone-zh-light": ("zh", "light", PHONE),
    "phone-en-dark": ("en", "dark", PHONE),
}
# What README shows: as much of a page as is seen at once.
IN_README: Final = {"overview": "/admin/", "stream_traces": "/admin/stream_traces"}
README_SIZE: Final = {"width": 1280, "height": 880}
ANSWER: Final = (
    "往前走两百米，右手边有一家做片儿川的老面馆，评分四点七，现在排队大约十分钟。"
    "再过一个路口还有一家本帮菜。"
)


def main() -> None:
    """Take them all; the folder is made anew."""
    if CHROMIUM is None:
        sys.exit("There is no Chromium: `apt-get install chromium fonts-wqy-zenhei`")
    shutil.rmtree(ALL, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        take_all(browser, Path(name))
        browser.close()
    print(f"{len(list(ALL.iterdir()))} pictures are in {ALL.relative_to(ROOT)}")


def take_all(browser: Browser, folder: Path) -> None:
    """Those of a gateway in this folder."""
    (folder / "data").mkdir(mode=0o700)
    lived = live_in(folder / "data")
    with open_site(browser, folder, SETTINGS) as site:
        for name, (language, theme, size) in WAYS.items():
            with site.visit(signed_in=False, language=language, theme=theme, size=size) as visit:
                visit.go("/admin/setup")
                visit.shoot(ALL / f"setup-{name}.png")
        with linked_bot(site.gateway, lived.linked, *ANSWER), asking(site, lived):
            with site.visit(size=README_SIZE) as visit:
                SHOWN.mkdir(exist_ok=True)
                for name, address in IN_README.items():
                    visit.go(address)
                    visit.page.locator("tr[data-trace-id]").first.wait_for()
                    visit.page.screenshot(path=SHOWN / f"{name}.png")
            for name, (language, theme, size) in WAYS.items():
                with site.visit(language=language, theme=theme, size=size) as visit:
                    take_pages(visit, name, lived.linked["id"])


def take_pages(visit: Visit, way: str, linked: int) -> None:
    """Every page, and those of one bot and one turn; a bot is tried."""
    addresses = {page.name: page.address for page in PAGES if page.is_in_menu}
    addresses |= {"bot": f"/admin/bots/{linked}", "losses": "/admin/stream_traces?loss=any"}
    for name, address in addresses.items():
        visit.go(address)
        visit.shoot(ALL / f"{name}-{way}.png")
    visit.page.locator("tr[data-trace-id] a").first.click()
    visit.page.locator("svg[data-testid=time-line]").wait_for()
    visit.shoot(ALL / f"stream_trace-{way}.png")
    visit.go("/admin/try")
    visit.page.locator("[name=bot]").select_option(str(linked))
    visit.page.locator("[name=text]").fill("附近有什么好吃的？")
    visit.page.locator("form[data-testid=try] button.primary").click()
    expect(visit.page.get_by_test_id("answer")).to_contain_text("评分", timeout=WITHIN)
    visit.shoot(ALL / f"try-asked-{way}.png")


@contextmanager
def asking(site: Site, lived: LivedIn) -> Iterator[None]:
    """Somebody asks one question after the other for the length of the block."""
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set() and ask(site, lived.key, lived.linked["id"]) == 200:
            is_over.wait(2.0)

    thread = threading.Thread(target=ask_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(30)


if __name__ == "__main__":
    main()
