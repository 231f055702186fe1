"""The pages without a socket: the real application over a real store, and a browser of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import trio
from attrs import define, field, frozen
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message
from workshop_fakes import make_fakes

from eyeclaw_trio.admin import passwords
from eyeclaw_trio.admin.live import LivePages
from eyeclaw_trio.admin.office import Office, RunningTurn
from eyeclaw_trio.admin.sessions import Doorkeeper
from eyeclaw_trio.admin.settings import AdminSettings
from eyeclaw_trio.admin.site import AdminParts, make_admin_app
from eyeclaw_trio.admin.workshop import Workshop
from eyeclaw_trio.core.routing import WearerRules
from eyeclaw_trio.metrics import Metrics
from eyeclaw_trio.store.store import Store, open_store

PASSWORD: Final = "correct horse battery"
HOST: Final = "127.0.0.1:8002"


@define
class FakeNow:
    """A moment that a test has made up."""

    turns: list[RunningTurn] = field(factory=list)
    online: set[int] = field(factory=set)
    status: str = "ok"

    def health(self) -> tuple[int, dict[str, object]]:
        return 200, {
            "status": self.status,
            "version": "1",
            "uptime": 5,
            "bots_online": len(self.online),
            "turns_open": len(self.turns),
            "store": {"degraded": False, "dropped": 0},
        }

    def is_online(self, bot_id: int) -> bool:
        return bot_id in self.online

    def running_turns(self) -> Sequence[RunningTurn]:
        return self.turns


@define
class FakeSurroundings:
    """Surroundings that a test has made up."""

    address: str = "http://127.0.0.1:8001"
    provider_names: tuple[str, ...] = ("echo", "zhipu")
    providers: dict[str, dict[str, Any]] = field(factory=dict)
    reasons: dict[int, str] = field(factory=dict)
    invitations: list[str] = field(factory=list)
    wearer_rules: WearerRules = field(factory=WearerRules)

    def describe_providers(self) -> dict[str, dict[str, Any]]:
        return self.providers

    def why_offline(self, bot_id: int) -> str:
        return self.reasons.get(bot_id, "")

    def invite(self, text: str) -> str:
        self.invitations.append(text)
        return f"/skill/code{len(self.invitations)}"


@frozen
class Answer:
    """What came back."""

    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str:
        return self.headers["location"]


@define(eq=False)
class Browser:
    """It keeps cookies and says where it comes from, as browsers do; `site=None`: as a program."""

    app: ASGIApp
    address: str = "127.0.0.1"
    site: str | None = "same-origin"
    cookies: dict[str, str] = field(factory=dict)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, b"", **headers)

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        headers.setdefault("content_type", "application/x-www-form-urlencoded")
        return await self.ask("POST", path, urlencode(form or {}).encode(), **headers)

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request. Names of headers have underscores."""
        sent: list[Message] = []
        bodies = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            message = next(bodies, None)
            if message is None:
                await trio.sleep_forever()
            assert message is not None
            return message

        async def send(message: Message) -> None:
            sent.append(message)

        try:
            await self.app(self._scope(method, path, headers), receive, send)
        except Exception:
            # A bug is answered, and then raised for the listener to log.
            if not sent or sent[0]["status"] != 500:
                raise
        start, *rest = sent
        answer = Answer(
            start["status"],
            Headers(raw=start["headers"]),
            b"".join(each.get("body", b"") for each in rest),
        )
        for line in answer.headers.getlist("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    def _scope(self, method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
        bare, _, query = path.partition("?")
        given = {"host": HOST, "user-agent": "Test/1.0"}
        if self.site is not None:
            given["sec-fetch-site"] = self.site
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": bare,
            "raw_path": bare.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": (self.address, 50_000),
            "server": ("127.0.0.1", 8002),
        }


@define(eq=False)
class Pages:
    """The application and what it stands on."""

    app: ASGIApp
    store: Store
    now: FakeNow
    surroundings: FakeSurroundings
    doorkeeper: Doorkeeper
    workshop: Workshop
    stopping: trio.Event

    def browser(self, **choices: Any) -> Browser:
        """One that has never been here."""
        return Browser(self.app, **choices)

    async def signed_in(self, **choices: Any) -> Browser:
        """One that is signed in; the first makes the first visit."""
        browser = self.browser(**choices)
        way = "login" if await self.doorkeeper.has_owner() else "setup"
        answer = await browser.post(f"/admin/{way}", {"password": PASSWORD})
        assert (answer.status, answer.location) == (303, "/admin/")
        return browser


@asynccontextmanager
async def open_pages(
    folder: Path,
    settings: AdminSettings | None = None,
    setup_code: str | None = None,
    workshop: Workshop | None = None,
) -> AsyncIterator[Pages]:
    """The pages over a data folder of their own."""
    settings = settings or AdminSettings()
    workshop = workshop or make_fakes(folder)
    # What a password costs is looked at elsewhere.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_LOG_N", 10)
        async with _open_store_pages(folder, settings, setup_code, workshop) as pages:
            yield pages


@asynccontextmanager
async def _open_store_pages(
    folder: Path, settings: AdminSettings, setup_code: str | None, workshop: Workshop
) -> AsyncIterator[Pages]:
    async with open_store(folder) as store:
        now, around, stopping = FakeNow(), FakeSurroundings(), trio.Event()
        doorkeeper = Doorkeeper(store, store, settings.session_hours * 3_600.0, setup_code)
        office = Office(store, store, now, around)
        live = LivePages(stopping)
        parts = AdminParts(office, workshop, doorkeeper, live, Metrics(), settings)
        yield Pages(make_admin_app(parts), store, now, around, doorkeeper, workshop, stopping)
