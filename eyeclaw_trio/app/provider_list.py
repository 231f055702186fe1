"""The providers of the settings and how they were, for the command and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eyeclaw_trio.core.provider_timing import ProviderTimings
from eyeclaw_trio.providers.ready_made import READY_MADE
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store.provider_answers import KeptAnswer


def describe_provider(
    settings: Settings, provider: ProviderSettings, kept: Sequence[KeptAnswer]
) -> dict[str, Any]:
    """What it is, and what its kept answers took; without anything secret."""
    timings = ProviderTimings(provider.targets)
    timings.extend(each.answer for each in kept)
    failed = [each for each in kept if each.answer.reason is not None]
    last_failure = (
        {"reason": failed[-1].answer.reason.value, "at": failed[-1].ended_at}
        if failed and failed[-1].answer.reason is not None
        else None
    )
    return {
        "name": provider.name,
        "kind": provider.kind,
        "base_url": provider.base_url or None,
        "model": provider.model or None,
        "key": _describe_key(provider),
        "configured": provider.name not in settings.unconfigured,
        "region": provider.region,
        "fallback": list(provider.fallback),
        "last_at": kept[-1].ended_at if kept else None,
        "last_failure": last_failure,
        **timings.describe(),
    }


def _describe_key(provider: ProviderSettings) -> str | None:
    """Whether it has a key; None where it may well do without one."""
    if provider.api_key:
        return "present"
    ready = READY_MADE.get(provider.name)
    return "missing" if ready is not None and ready.base_url == provider.base_url else None
