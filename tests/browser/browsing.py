"""A person at the pages: a real Chromium, watched for everything that a page must not do."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, field, frozen
from axe_playwright_python.sync_playwright import Axe
from house import House
from playwright.sync_api import Browser, ConsoleMessage, Page, Request
from running_gateway import Gateway

from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.traces import write_trace

PASSWORD: Final = "correct horse battery"
# The turn of the shared site that has lost something.
LOSSY: Final = "trace_lossy"

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
# Debian's Chromium asks its makers for this and that unless told otherwise.
ARGUMENTS: Final = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Longest wait for anything on a page; a loaded machine needs some of it (milliseconds).
WITHIN: Final = 15_000

PHONE: Final = {"width": 360, "height": 740}
DESK: Final = {"width": 1280, "height": 800}
# Tablets: without the menu beside the page, with it, and where tables have room again.
BETWEEN: Final = (700, 768, 1000, 1040, 1100)

_AXE: Final = Axe()
_FIND_STRAY_LABELS: Final = """
() => [...document.querySelectorAll("label[for]")].filter((label) => {
  const field = document.getElementById(label.htmlFor);
  const at = label.getBoundingClientRect(), box = field?.getBoundingClientRect();
  if (!box || at.width < 2 || !label.checkVisibility() || !field.checkVisibility()) return false;
  const isBeside = at.top < box.bottom && box.top < at.bottom && at.left < box.left;
  const isAbove = at.bottom <= box.top + 1 && Math.abs(at.left - box.left) < 8;
  const isCovered = [...document.querySelectorAll("input, select, button")].some((other) => {
    const its = other.getBoundingClientRect();
    return other !== field && other.checkVisibility() && its.left < at.right - 1
      && at.left < its.right - 1 && its.top < at.bottom - 1 && at.top < its.bottom - 1;
  });
  return isCovered || (!isBeside && !isAbove && field.type !== "checkbox");
}).map((label) => label.textContent)
"""
# What the policy of a page has forbidden is an error of the console too; this says which one.
_REPORT_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", (event) =>
  console.error("policy: " + event.violatedDirective + " " + event.blockedURI));
"""


@define(eq=False)
class Faults:
    """What a page did that it must not; `expected` are parts of what a test provokes."""

    origin: str
    found: list[str] = field(factory=list)
    expected: list[str] = field(factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._note_console(message))
        page.on("pageerror", lambda error: self.found.append(f"exception: {error}"))
        page.on("request", lambda request: self._note_request(request))

    def expect(self, *parts: str) -> None:
        """Errors with these words are meant, such as `status of 401`."""
        self.expected += parts

    def left(self) -> list[str]:
        return [each for each in self.found if not any(part in each for part in self.expected)]

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console: {message.text}")

    def _note_request(self, request: Request) -> None:
        place = urlsplit(request.url)
        if f"{place.scheme}://{place.netloc}" != self.origin and place.scheme != "data":
            self.found.append(f"request: {request.url}")


@define(eq=False)
class Site:
    """A gateway whose pages are visited."""

    house: House
    gateway: Gateway
    browser: Browser
    cookies: list[Any] = field(factory=list)
    """Of the session that visits share; a password is slow on purpose."""

    @property
    def origin(self) -> str:
        return f"http://{self.gateway.admin_listen}"

    def add_bot(self, name: str) -> dict[str, Any]:
        """A bot that links, its id and token. It is made beside the gateway: its pages know of it
        when this returns."""
        bot = self.house.add_bot(name)
        with self.visit() as visit:
            for _ in range(WITHIN // 50):
                if f'"{name}"' in visit.page.request.get("/admin/api/bots").text():
                    return bot
                visit.page.wait_for_timeout(50)
        raise AssertionError(f"the pages do not know {name}")

    @contextmanager
    def visit(
        self,
        *,
        signed_in: bool = True,
        signs_in: bool = False,
        language: str = "en",
        theme: str = "light",
        size: dict[str, int] = DESK,
        **choices: Any,
    ) -> Iterator[Visit]:
        """A person's visit with a browser of its own; at its end the pages must have done nothing
        that they must not. Where the person signs in by hand, it begins on the overview."""
        context = self.browser.new_context(
            base_url=self.origin,
            locale="zh-CN" if language == "zh" else "en-GB",
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": size["width"], "height": size["height"]},
            **choices,
        )
        context.set_default_timeout(WITHIN)
        context.add_init_script(_REPORT_VIOLATIONS)
        faults = Faults(self.origin)
        page = context.new_page()
        faults.watch(page)
        visit = Visit(page, faults)
        try:
            if signs_in:
                visit.sign_in()
            elif signed_in:
                if not self.cookies:
                    visit.sign_in()
                    self.cookies += context.cookies()
                context.add_cookies(self.cookies)
            yield visit
        finally:
            context.close()
        assert faults.left() == []


@frozen
class Visit:
    """A page that somebody looks at."""

    page: Page
    faults: Faults

    def sign_in(self) -> None:
        """The first visit, where it is one, else with the password."""
        self.page.goto("/admin/login")
        self.page.locator("#password").fill(PASSWORD)
        if self.page.locator("#again").count():
            self.page.locator("#again").fill(PASSWORD)
        self.page.locator("button.primary").click()
        self.page.wait_for_url("**/admin/")

    def go(self, address: str) -> None:
        """Open a page of the gateway: `/admin/bots`."""
        response = self.page.goto(address)
        assert response is not None
        assert response.ok, f"{address}: {response.status}"

    def assert_accessible(self) -> None:
        """No serious finding of axe."""
        found = _AXE.run(self.page).response["violations"]
        serious = [
            f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']][:3]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == [], self.page.url

    def assert_fits(self) -> None:
        """Nothing makes a person scroll sideways."""
        width = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, f"{self.page.url} is {width} pixels too wide"

    def assert_labels_stay_with_their_fields(self) -> None:
        """A label stands beside its field, or above it, never at the end of the line before, and
        under no other field."""
        astray = self.page.evaluate(_FIND_STRAY_LABELS)
        assert astray == [], f"{self.page.url}: {astray}"

    def shoot(self, file: Path) -> None:
        """Take a picture of the whole page."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file, full_page=True)


def ask(site: Site, key: str = "", bot_id: int = 1, user_id: str | None = None) -> int:
    """The status of a question of glasses to this bot, with this key or that of the site's first
    start; an answer is read to its end."""
    body = {
        "message_id": "1",
        "agent_id": str(bot_id),
        "message": [{"role": "user", "type": "text", "text": "你好"}],
        "user_id": user_id,
    }
    request = urllib.request.Request(
        f"{site.gateway.url}/sse/rokid",
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {key or site.gateway.key}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@contextmanager
def open_site(browser: Browser, folder: Path, settings: str = "") -> Iterator[Site]:
    """A gateway in this folder, with these settings (TOML), and its pages."""
    house = House(folder)
    if settings:
        house.configure(settings)
    with house.serve_shared() as gateway:
        yield Site(house, gateway, browser)


def keep(folder: Path, *traces: Trace) -> None:
    """Write these turns a minute apart, the oldest first, as another process would."""
    with closing(open_database(folder)) as db, transaction(db):
        for number, trace in enumerate(traces):
            age = timedelta(minutes=len(traces) - 1 - number)
            write_trace(db, trace, datetime.now(UTC) - age, 0.0)
