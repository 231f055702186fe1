"""What was found out about the whole gateway, told to whoever asks, in their language."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen
from starlette.requests import Request

from eyeclaw_trio.admin.view import language_of
from eyeclaw_trio.admin.workshop import workshop_of
from eyeclaw_trio.core.checkup import Level, check_up
from eyeclaw_trio.core.checkup_words import advise, tell


@frozen
class ToldFinding:
    """One finding in words; `remedy` is what to do about it, None where nothing is to be done."""

    level: Level
    name: str
    values: Mapping[str, object]
    text: str
    remedy: str | None

    @property
    def is_fault(self) -> bool:
        """Whether it is not well."""
        return self.level != "good"


async def find_all(request: Request) -> list[ToldFinding]:
    """All findings, the worst first. Cancelled, nothing has happened."""
    language = language_of(request)
    return [
        ToldFinding(
            each.level, each.name, dict(each.values), tell(each, language), advise(each, language)
        )
        for each in check_up(await workshop_of(request).checkup.look())
    ]


async def find_faults(request: Request) -> list[ToldFinding]:
    """Those that are not well. Cancelled, nothing has happened."""
    return [each for each in await find_all(request) if each.is_fault]
