"""Looks at a whole set-up from beside it: settings, data folder, machine, gateway, bots, models.

It works whether a gateway runs or not, and changes nothing, except what `mend` is for.
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
import trio
from attrs import define, field

from eyeclaw_trio.app.data_folder import ListedBot, read_bots
from eyeclaw_trio.app.doctor_models import examine_provider
from eyeclaw_trio.app.listening import SPARE_FILES, check_address
from eyeclaw_trio.core.checkup import Facts
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.core.directory import digest
from eyeclaw_trio.core.doctor import (
    FolderFacts,
    judge_clock,
    judge_facts,
    judge_files,
    judge_folder,
)
from eyeclaw_trio.errors import EyeclawError, StoreError
from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.settings.kinds import HostPort
from eyeclaw_trio.store.database import is_forbidden
from eyeclaw_trio.store.folder_lock import is_folder_held
from eyeclaw_trio.store.inspection import PRESENT_SCHEMA, Inspection, inspect_folder
from eyeclaw_trio.store.running_gateway import read_running_gateway

# A gateway on this machine that does not answer within this does not (seconds).
_HEALTHY_WITHIN: Final = 5.0
_PRIVATE: Final = 0o700
# Where the package's service keeps its data (packaging/eyeclaw.service).
SERVICE_DATA = Path("/var/lib/eyeclaw")


@define(eq=False)
class Doctor:
    """One look; `note` is told of each diagnosis as soon as it is made. `key` is that of the user,
    where one was given; with `asks` every model gets a real question."""

    settings: Settings
    note: Callable[[Diagnosis], None]
    key: str | None = field(default=None, repr=False)
    asks: bool = False
    _is_running: bool = field(default=False, init=False)
    _elsewhere: list[float] = field(factory=list, init=False)

    async def examine(self) -> None:
        """Look at everything. Takes some seconds where a model does not answer. Cancelled, it
        has changed nothing."""
        folder = judge_folder(look_at_folder(self.settings.data))
        self.note(folder)
        if SERVICE_DATA.is_dir() and self.settings.data != SERVICE_DATA:
            text = f"The service that is installed here keeps its data in {SERVICE_DATA} instead."
            fix = "As root `eyeclawctl doctor` looks at that; so do all commands of `eyeclawctl`"
            self.note(Diagnosis("service", "warn", text, fix))
        is_readable = folder.state != "fail" and self.settings.data.exists()
        inspection = self._inspect() if is_readable else None
        await self._examine_machine()
        if inspection is not None and inspection.is_present:
            await self._examine_gateway(inspection)
        await self._examine_models(inspection)
        newest = inspection.newest if inspection is not None else None
        stamp = None if newest is None else newest.timestamp()
        clock = judge_clock(time.time(), stamp, self._elsewhere)
        if clock is not None:
            self.note(clock)

    def _inspect(self) -> Inspection | None:
        try:
            self._is_running = is_folder_held(self.settings.data)
            found = inspect_folder(self.settings.data)
        except StoreError as error:
            fix = (
                f"Run this as the user of the gateway (a packaged one: `eyeclawctl`), or make "
                f"{self.settings.data} and what is in it belong to this user"
                if is_forbidden(error)
                else "Put a backup back: `eyeclaw restore FILE`"
            )
            self.note(Diagnosis("database", "fail", f"{error}.", fix))
            return None
        if found is None:
            text = "The data folder holds no database yet."
            self.note(Diagnosis("database", "warn", text, "`eyeclaw serve` makes it"))
        elif not found.is_present:
            text = f"The database has schema {found.file.schema} of {PRESENT_SCHEMA}."
            self.note(Diagnosis("database", "warn", text, "`eyeclaw serve` brings it up to date"))
        else:
            text = f"The database is sound, with schema {found.file.schema}."
            self.note(Diagnosis("database", "ok", text))
        return found

    async def _examine_machine(self) -> None:
        settings = self.settings
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = None if hard == resource.RLIM_INFINITY else hard
        self.note(judge_files(limit, settings.limits.connections + SPARE_FILES, SPARE_FILES))
        if not self._is_running:
            for option, address in (
                ("--listen", settings.listen),
                ("--admin-listen", settings.admin_listen),
            ):
                self.note(await try_to_listen(address, option))

    async def _examine_gateway(self, inspection: Inspection) -> None:
        settings = self.settings
        health = await self._ask_health() if self._is_running else None
        listed = await trio.to_thread.run_sync(read_bots, settings)
        wanted = [each for each in listed if each.bot.is_configured]
        store = health.get("store", {}) if health else {}
        facts = Facts(
            status=str(health.get("status")) if health else "ok",
            active_keys=sum(key.is_active for key in inspection.keys),
            bots={each.bot.name: each.online for each in wanted},
            has_default_bot=not wanted or any(each.answers_by_default for each in listed),
            public_host=settings.listen.host,
            is_on_loopback=settings.listen.host in ("127.0.0.1", "::1", "localhost"),
            has_tls=settings.tls_certificate is not None,
            unix_time=time.time(),
            disk_free=_free_bytes(settings.data),
            is_degraded=store.get("degraded") is True,
            dropped_writes=int(store.get("dropped", 0)),
        )
        self._note_all(judge_facts(facts, is_running=health is not None))
        self._note_all(_explain_bots(wanted))
        if self.key is not None:
            self.note(_judge_key(self.key, inspection))
        if not self._is_running:
            text = "No gateway runs on this data folder."
            self.note(Diagnosis("gateway", "warn", text, "`eyeclaw serve`, or start its service"))

    async def _ask_health(self) -> dict[str, Any] | None:
        """What the gateway says of itself; None, and a diagnosis, where it does not answer."""
        running = read_running_gateway(self.settings.data)
        host, port = self.settings.listen.host, self.settings.listen.port
        if running is not None and running.listen:  # also where options or chance decided it
            host, port = running.listen.rpartition(":")[0].strip("[]"), _port_in(running.listen)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        scheme = "http" if self.settings.tls_certificate is None else "https"
        url = f"{scheme}://{HostPort(host, port)}/health"
        try:
            async with httpx2.AsyncClient(
                trust_env=False, verify=False, timeout=_HEALTHY_WITHIN
            ) as client:
                answer = (await client.get(url)).json()
        except (httpx2.HTTPError, ValueError) as error:
            text = f"A gateway holds this data folder, but {url} does not answer"
            text += f" ({type(error).__name__})."
            fix = "Does it listen elsewhere? Give this command the settings of the service"
            self.note(Diagnosis("gateway", "fail", text, fix))
            return None
        return answer if isinstance(answer, dict) else None

    async def _examine_models(self, inspection: Inspection | None) -> None:
        """Those that a bot of this gateway answers with, or that were configured."""
        settings = self.settings
        used = (
            {bot.provider for bot in inspection.bots if bot.is_configured} if inspection else set()
        )
        for name, provider in settings.providers.items():
            is_wanted = name in used or name not in settings.unconfigured
            if is_wanted and KINDS[provider.kind].is_model:
                found = await examine_provider(provider, asks=self.asks)
                self.note(found.diagnosis)
                self._elsewhere.extend(found.clocks)
        for name in sorted(each for each in used if each and each not in settings.providers):
            text = f"A bot answers with the provider {name}, which is not configured."
            fix = f"Set its key, or write `[providers.{name}]` into eyeclaw.toml"
            self.note(Diagnosis("providers", "fail", text, fix))

    def _note_all(self, found: Iterator[Diagnosis]) -> None:
        for each in found:
            self.note(each)


def look_at_folder(folder: Path) -> FolderFacts:
    """What the system knows of it. Follows no permission that we have not."""
    try:
        status = folder.stat()
    except OSError:
        return FolderFacts(str(folder), exists=False)
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    is_ours = status.st_uid == os.geteuid()
    is_read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    return FolderFacts(
        str(folder), True, owner, is_ours, stat.S_IMODE(status.st_mode), is_read_only
    )


def mend(folder: Path) -> Sequence[str]:
    """Do what is safe: make the data folder, and close it to others. Returns what was done.

    Raises EyeclawError where that cannot be done.
    """
    done = []
    try:
        if not folder.exists():
            folder.mkdir(mode=_PRIVATE, parents=True)
            done.append(f"made {folder}")
        facts = look_at_folder(folder)
        if facts.is_ours and facts.mode & 0o077:
            folder.chmod(_PRIVATE)
            done.append(f"closed {folder} to others")
        for file in folder.glob("eyeclaw.db*"):
            if facts.is_ours and file.stat().st_mode & 0o077:
                file.chmod(0o600)
                done.append(f"closed {file} to others")
    except OSError as error:
        raise EyeclawError(f"{folder}: {error.strerror}") from error
    return done


async def try_to_listen(address: HostPort, option: str) -> Diagnosis:
    """Whether a gateway could listen there now. Cancelled, it does not listen any more."""
    check = option.removeprefix("--").replace("-", "_")
    try:
        await check_address(address, option)
    except EyeclawError as error:
        return Diagnosis(check, "fail", f"A gateway {error}.", f"`{option} HOST:PORT`")
    return Diagnosis(check, "ok", f"{address} is free.")


def _explain_bots(wanted: Sequence[ListedBot]) -> Iterator[Diagnosis]:
    for each in wanted:
        if each.reason:
            text = f"The bot {each.bot.name} is kept away: {each.reason}."
            fix = f"`eyeclaw providers check {each.bot.provider}` says why"
            yield Diagnosis("bots", "fail", text, fix)


def _judge_key(secret: str, inspection: Inspection) -> Diagnosis:
    known = next((each for each in inspection.keys if each.digest == digest(secret)), None)
    fix = "`eyeclaw key create NAME` makes one; enter it on Rokid's platform too"
    if known is None:
        return Diagnosis("key", "fail", "The key that was given is none of this gateway's.", fix)
    if not known.is_active:
        fix = f"`eyeclaw key restore {known.id}`, or a new one: {fix}"
        return Diagnosis("key", "fail", f"The key {known.name} is revoked.", fix)
    return Diagnosis("key", "ok", f'The key that was given is the one named "{known.name}".')


def _port_in(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isascii() and port.isdigit() else 0


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
