"""What the pages about the gateway itself need of it: a bot to try, providers to check, settings,
the log, backups. Small Protocols, which `app` fulfils."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, cast

from attrs import frozen
from starlette.requests import HTTPConnection

from eyeclaw_trio.core.checkup import Facts
from eyeclaw_trio.core.provider_timing import ProviderAnswer, Target, Targets
from eyeclaw_trio.core.texts import Language
from eyeclaw_trio.logs import RecentLines
from eyeclaw_trio.store.backup import DatabaseFile
from eyeclaw_trio.store.provider_answers import KeptAnswer


class AnswerView(Protocol):
    """Who reads the raw answer of a tried bot; as `server.try_it.Viewer`."""

    async def send(self, data: bytes, *, ends: bool) -> None:
        """Take these bytes, the last ones where it ends. Cancelled, nothing more is sent."""
        ...

    async def wait_until_gone(self) -> None:
        """Return when nobody reads any more. Cancellation changes nothing."""
        ...


class ReadyTurn(Protocol):
    """A question that is ready to be asked; as `server.try_it.TriedTurn`."""

    @property
    def trace_id(self) -> str: ...

    @property
    def relay(self) -> Callable[[AnswerView], Awaitable[None]]: ...


class TryIt(Protocol):
    """Plays the glasses; as `server.try_it.TryItDoor`."""

    def ask(
        self, bot_id: int, text: str, language: Language, photo: str | None = None
    ) -> ReadyTurn:
        """Make ready to ask this bot, perhaps about a photo (a `data:` URL). Never waits. Raises
        RequestRefused (400, 404, 503)."""
        ...


@frozen
class ProviderCheck:
    """What came of one real question: `at` is ISO 8601 in UTC; `reason` and `detail` say what went
    wrong, None where nothing did."""

    at: str
    text: str
    answer: ProviderAnswer
    target: Target
    is_met: bool
    reason: str | None = None
    detail: str | None = None


@frozen
class ProviderState:
    """A provider as the page shows it: `record` is what `eyeclaw providers --json` says of it,
    `answers` are those that are kept, the oldest first."""

    name: str
    record: Mapping[str, Any]
    is_model: bool
    targets: Targets
    answers: Sequence[KeptAnswer]
    check: ProviderCheck | None = None
    is_checking: bool = False


class Providers(Protocol):
    """The models that can be asked."""

    async def list(self) -> Sequence[ProviderState]:
        """All of them. Raises StoreError. Cancelled, nothing has happened."""
        ...

    async def check(self, name: str) -> ProviderCheck:
        """Ask one real question, directly and without its fallback, and keep what came of it for
        `list`. May take a minute.

        Raises RequestRefused: 404 for an unknown one, 409 while it is checked already, 503 where
        too many are. Cancelled, the question is withdrawn.
        """
        ...


Standing = Literal["default", "here", "elsewhere"]


@frozen
class SettingRow:
    """One setting in force. `standing`: it is the default, or was said here, or elsewhere, by
    `source`, which counts more. `next_value` is what counts from the next start, as text; None:
    the same. `meaning` and `unit` are English and Chinese."""

    key: str
    value: object
    source: str
    standing: Standing
    meaning: tuple[str, str]
    unit: tuple[str, str]
    default: object
    variable: str
    is_changeable: bool
    next_value: str | None = None


class SettingsDesk(Protocol):
    """The settings in force, and what may be changed of them for the next start."""

    async def list(self) -> Sequence[SettingRow]:
        """All of them, secrets masked. Cancelled, nothing has happened."""
        ...

    async def change(self, key: str, text: str | None) -> None:
        """Say it anew, or with None take back what was said here. It counts from the next start.

        Raises RequestRefused (400) that says what would fit. Cancellation waits for the write.
        """
        ...


class BackupCopy(Protocol):
    """A copy of the data that was made to be read once; `size` in bytes."""

    @property
    def size(self) -> int: ...

    async def read(self) -> bytes:
        """The next piece; nothing at its end. Cancelled, the piece is lost."""
        ...


class Backups(Protocol):
    """Copies of the data folder, out and in."""

    @property
    def waiting(self) -> DatabaseFile | None:
        """What will be restored at the next start."""
        ...

    def copy(self) -> AbstractAsyncContextManager[BackupCopy]:
        """Make a checked copy, which is gone behind the block.

        Raises RequestRefused (409) while another is made, and StoreError. Cancellation waits until
        the copy is made.
        """
        ...

    async def receive(self, pieces: AsyncIterator[bytes]) -> DatabaseFile:
        """Take a backup, check it, and have it restored at the next start.

        Raises RequestRefused: 409 while another is received, 507 where the disk has no room for
        it; and StoreError where it is none of ours. Cancelled, nothing waits.
        """
        ...

    async def forget(self) -> bool:
        """Nothing is to be restored; whether something was. Raises StoreError. Cancellation waits
        for it."""
        ...


class Checkup(Protocol):
    """What is known of the whole gateway."""

    async def look(self) -> Facts:
        """As of this moment. Cancelled, nothing has happened."""
        ...


@frozen
class Workshop:
    """All of it, as pages are handed it."""

    try_it: TryIt
    providers: Providers
    settings: SettingsDesk
    log: RecentLines
    backups: Backups
    checkup: Checkup


def workshop_of(request: HTTPConnection) -> Workshop:
    """The workshop of the gateway that is asked."""
    return cast(Workshop, request.app.state.workshop)
