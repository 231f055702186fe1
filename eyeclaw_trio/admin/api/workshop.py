"""Providers, settings, health, log and backups."""

from __future__ import annotations

from typing import Any, Final

from attrs import asdict, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.download import BackupDownload
from eyeclaw_trio.admin.findings import find_all
from eyeclaw_trio.admin.forms import read_json
from eyeclaw_trio.admin.pages.log import read_filter
from eyeclaw_trio.admin.pages.providers import standing_of
from eyeclaw_trio.admin.pages.settings import as_text
from eyeclaw_trio.admin.view import language_of
from eyeclaw_trio.admin.workshop import ProviderCheck, SettingRow, workshop_of
from eyeclaw_trio.store.backup import DatabaseFile
from eyeclaw_trio.store.columns import read_clock


@frozen
class NewValue:
    """What a setting is to be; null: what was said here is taken back."""

    value: str | int | float | bool | None


async def list_providers(request: Request) -> Response:
    """`GET /admin/api/providers`. Raises StoreError; cancelled, nothing has happened."""
    return answer_json(
        [
            {
                **each.record,
                "standing": standing_of(each),
                "is_checking": each.is_checking,
                "check": None if each.check is None else _describe_check(each.check),
            }
            for each in await workshop_of(request).providers.list()
        ]
    )


async def check_provider(request: Request) -> Response:
    """`POST /admin/api/providers/NAME/check`. Raises RequestRefused (404, 409, 503). Cancelled, the
    question is withdrawn."""
    done = await workshop_of(request).providers.check(request.path_params["name"])
    return answer_json(_describe_check(done))


async def list_settings(request: Request) -> Response:
    """`GET /admin/api/settings`. Cancelled, nothing has happened."""
    place = 1 if language_of(request) == "zh" else 0
    rows = await workshop_of(request).settings.list()
    return answer_json([_describe_setting(each, place) for each in rows])


async def change_setting(request: Request) -> Response:
    """`PUT /admin/api/settings/KEY`. Raises RequestRefused (400, 409). Cancellation waits for the
    write."""
    wanted = (await read_json(request, NewValue)).value
    text = None if wanted is None else as_text(wanted)
    await workshop_of(request).settings.change(request.path_params["key"], text)
    return Response(status_code=204)


async def show_health(request: Request) -> Response:
    """`GET /admin/api/health`. Cancelled, nothing has happened."""
    return answer_json(await find_all(request))


async def list_log(request: Request) -> Response:
    """`GET /admin/api/log`. Raises RequestRefused (400); cancelled, nothing has happened."""
    return answer_json(await read_filter(request).pick(workshop_of(request).log))


async def take_backup(request: Request) -> BackupDownload:
    """`GET /admin/api/backup`. Raises RequestRefused (409) and StoreError. Cancellation waits until
    the copy is made."""
    return BackupDownload(workshop_of(request).backups, read_clock())


async def bring_backup(request: Request) -> Response:
    """`PUT /admin/api/backup`. Raises RequestRefused (409, 507) and StoreError. Cancelled, nothing
    waits."""
    waiting = await workshop_of(request).backups.receive(request.stream())
    return answer_json(_describe_waiting(waiting), 201)


async def forget_backup(request: Request) -> Response:
    """`DELETE /admin/api/backup`. Raises StoreError. Cancellation waits for it."""
    await workshop_of(request).backups.forget()
    return Response(status_code=204)


def _describe_check(check: ProviderCheck) -> dict[str, Any]:
    target = check.target
    return {
        "at": check.at,
        "text": check.text,
        **check.answer.describe(),
        "target_ms": {"first_token": target.first_token * 1000, "total": target.total * 1000},
        "is_met": check.is_met,
        "reason": check.reason,
        "detail": check.detail,
    }


def _describe_setting(row: SettingRow, place: int) -> dict[str, object]:
    return {**asdict(row), "meaning": row.meaning[place], "unit": row.unit[place] or None}


def _describe_waiting(waiting: DatabaseFile) -> dict[str, object]:
    return {name: value for name, value in asdict(waiting).items() if name != "file"}


RESOURCE: Final = Resource(
    "workshop",
    [
        Route("/admin/api/providers", list_providers),
        Route("/admin/api/providers/{name}/check", check_provider, methods=["POST"]),
        Route("/admin/api/settings", list_settings),
        Route("/admin/api/settings/{key}", change_setting, methods=["PUT"]),
        Route("/admin/api/health", show_health),
        Route("/admin/api/log", list_log),
        Route("/admin/api/backup", take_backup),
        Route("/admin/api/backup", bring_backup, methods=["PUT"]),
        Route("/admin/api/backup", forget_backup, methods=["DELETE"]),
    ],
)
