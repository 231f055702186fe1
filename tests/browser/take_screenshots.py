"""Pictures of the pages, of a gateway that has something to show.

`docs/images` gets the two that README can show; `build/screenshots` gets every page in both
languages, both colours, and on a phone, to be looked at.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from browsing import ARGUMENTS, CHROMIUM, DESK, PHONE, Site, open_site
from playwright.sync_api import sync_playwright

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
SETTINGS: Final = """
traces.keep_content = true
[[bots]]
name = "home"
provider = "echo"
default = true
"""
QUESTIONS: Final = ("你好，若琪，今天天气怎么样？", "附近有什么好吃的？", "What is this building?")


def main() -> None:
    """Take them all; the folder is made anew."""
    if CHROMIUM is None:
        sys.exit("There is no Chromium: `apt-get install chromium fonts-wqy-zenhei`")
    shutil.rmtree(ALL, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with open_site(browser, Path(folder), SETTINGS) as site:
            take_door(site)
            fill(site)
            for name, (language, theme, size) in WAYS.items():
                with site.visit(language=language, theme=theme, size=size) as visit:
                    for page in filter(lambda each: each.is_in_menu, PAGES):
                        visit.go(page.address)
                        visit.shoot(ALL / f"{page.name}-{name}.png")
        browser.close()
    SHOWN.mkdir(exist_ok=True)
    for name in ("overview", "stream_traces"):
        shutil.copyfile(ALL / f"{name}-desk-en-light.png", SHOWN / f"{name}.png")
    print(f"{len(list(ALL.iterdir()))} pictures are in {ALL.relative_to(ROOT)}")


def take_door(site: Site) -> None:
    """What is seen before anybody is signed in."""
    for name, (language, theme, size) in WAYS.items():
        with site.visit(signed_in=False, language=language, theme=theme, size=size) as visit:
            visit.go("/admin/setup")
            visit.shoot(ALL / f"setup-{name}.png")


def fill(site: Site) -> None:
    """Some bots, and some turns."""
    for name in ("书房", "office"):
        site.house.add_bot(name)
    for question in QUESTIONS:
        site.house.command_now(
            "ask", question, "--server", site.gateway.url, EYECLAW_KEY=site.gateway.key
        )


if __name__ == "__main__":
    main()
