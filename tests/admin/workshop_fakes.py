"""The workshop of pages without a gateway: settings, log and backups are real, a bot and providers
are made up."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import trio
from attrs import define, field, frozen

from eyeclaw_trio.admin.workshop import AnswerView, ProviderCheck, ProviderState, Workshop
from eyeclaw_trio.app.backup_shelf import BackupShelf
from eyeclaw_trio.app.provider_list import describe_provider
from eyeclaw_trio.app.settings_desk import SettingsOffice
from eyeclaw_trio.core.checkup import Facts
from eyeclaw_trio.core.provider_timing import ProviderAnswer, Segments
from eyeclaw_trio.core.texts import Language
from eyeclaw_trio.errors import Reason, RequestRefused
from eyeclaw_trio.logs import RecentLines
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import Settings, load_settings
from eyeclaw_trio.store.provider_answers import KeptAnswer

HOSTILE = "<script>alert(1)</script>\"onload='x'\u202egnp.exe\x1b[31m"
STAMP = "2026-11-29T12:00:00.000Z"
WELL = Facts(
    status="ok",
    active_keys=1,
    bots={"home": True},
    has_default_bot=True,
    public_host="127.0.0.1",
    is_on_loopback=True,
    has_tls=False,
    unix_time=1_800_000_000.0,
    disk_free=10**12,
    is_degraded=False,
    dropped_writes=0,
)


def message(text: str) -> bytes:
    """One event as glasses get it."""
    data = {"role": "agent", "type": "answer", "answer_stream": text, "is_finish": False}
    return f"event: message\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


@frozen
class FakeTurn:
    trace_id: str
    relay: Callable[[AnswerView], Awaitable[None]]


@define(eq=False)
class FakeTryIt:
    """A bot 1 that says these pieces, each when `next_piece` lets it."""

    pieces: Sequence[str] = ("晴", "天")
    asked: list[tuple[int, str, Language]] = field(factory=list)
    photos: list[str | None] = field(factory=list)
    has_left: bool = False
    next_piece: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint

    def ask(self, bot_id: int, text: str, language: Language, photo: str | None = None) -> FakeTurn:
        if bot_id != 1:
            raise RequestRefused(404, "There is no such bot")
        self.asked.append((bot_id, text, language))
        self.photos.append(photo)
        return FakeTurn("trace_" + "a" * 24, self._relay)

    async def _relay(self, view: AnswerView) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, view, nursery.cancel_scope)
            await view.send(b": connected\n\n", ends=False)
            for piece in self.pieces:
                await self.next_piece()
                await view.send(message(piece), ends=False)
            await view.send(b"event: done\ndata: {}\n\n", ends=True)
            nursery.cancel_scope.cancel()

    async def _watch(self, view: AnswerView, scope: trio.CancelScope) -> None:
        await view.wait_until_gone()
        self.has_left = True
        scope.cancel()


@define(eq=False)
class FakeProviders:
    """Providers whose answers are made up."""

    settings: Settings
    answers: dict[str, list[KeptAnswer]] = field(factory=dict)
    checks: dict[str, ProviderCheck] = field(factory=dict)
    said: str = "我是助手。"
    reason: str | None = None
    is_checking: bool = False

    async def list(self) -> list[ProviderState]:
        return [self._state_of(each) for each in self.settings.providers.values()]

    async def check(self, name: str) -> ProviderCheck:
        provider = self.settings.providers.get(name)
        if provider is None:
            raise RequestRefused(404, "There is no such provider")
        segments = Segments(0.01, 0.03, 0.031, 0.4, 0.5, 1.2)
        answer = ProviderAnswer(name, segments, is_cold=True, http_version="HTTP/1.1")
        target = provider.targets.of(answer)
        done = ProviderCheck(STAMP, self.said, answer, target, self.reason is None, self.reason)
        self.checks[name] = done
        return done

    def _state_of(self, provider: ProviderSettings) -> ProviderState:
        answers = self.answers.get(provider.name, [])
        return ProviderState(
            provider.name,
            describe_provider(self.settings, provider, answers),
            provider.kind != "echo",
            provider.targets,
            answers,
            self.checks.get(provider.name),
            self.is_checking,
        )


def kept(provider: str, first: float, last: float, reason: Reason | None = None) -> KeptAnswer:
    """An answer that took so many seconds."""
    segments = Segments(first_token=first, last_token=last)
    return KeptAnswer(ProviderAnswer(provider, segments, is_cold=False, reason=reason), STAMP)


@define(eq=False)
class FakeCheckup:
    facts: Facts = WELL

    async def look(self) -> Facts:
        return self.facts


def read_settings(folder: Path, text: str = "", **environ: str) -> Settings:
    """The settings of this text, with this data folder."""
    file = folder / "eyeclaw.toml"
    file.write_text(f'data = "{folder}"\n{text}', encoding="utf-8")
    return load_settings({}, config=file, environ=environ, cwd=folder)


def make_fakes(folder: Path, text: str = "") -> Workshop:
    """A workshop over this data folder, with the settings of this text."""
    settings = read_settings(folder, text)
    return Workshop(
        FakeTryIt(),
        FakeProviders(settings),
        SettingsOffice(settings),
        RecentLines(),
        BackupShelf(folder),
        FakeCheckup(),
    )


def assert_harmless(text: str) -> None:
    # What was typed stays as it was in its own field, which nothing leaves.
    text = re.sub(r"(<textarea[^>]*>)[^<]*</textarea>", r"\1", text)
    assert "<script>alert" not in text
    assert '"onload' not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
