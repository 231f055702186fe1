"""The settings in force as people read them: `eyeclaw config show`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import ConfiguredBotSettings, HostPort, Settings
from eyeclaw_trio.settings.kinds import Kind
from eyeclaw_trio.settings.layers import Source, dotted
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.settings.schema import SCHEMA

MASK: Final = "***"


@frozen
class ShownSetting:
    """One setting for people to read; a secret's value is `***`."""

    key: str
    value: object
    source: Source


def show_settings(settings: Settings) -> tuple[ShownSetting, ...]:
    """Every setting in force with where it came from, secrets masked."""
    values: dict[str, object] = {}
    for name, kind in SCHEMA.items():
        if isinstance(kind, Kind):
            values[name] = _as_plain(getattr(settings, name))
    groups: list[tuple[KeyPath, Any]] = [
        (("wearer",), settings.wearer),
        (("patience",), settings.patience),
        (("limits",), settings.limits),
        (("traces",), settings.traces),
        (("admin",), settings.admin),
        (("push",), settings.push),
        *((("providers", name), each) for name, each in settings.providers.items()),
        *((("bots", index), each) for index, each in enumerate(settings.bots)),
        *(
            (("bots", index, "wearer"), each.wearer)
            for index, each in enumerate(settings.bots)
            if each.wearer is not None
        ),
    ]
    for path, group in groups:
        shown = attrs.asdict(group, recurse=False, filter=_has_effect(group))
        if isinstance(group, ProviderSettings) and KINDS[group.kind].is_model:
            shown |= _targets_of(group)
        for key, value in shown.items():
            secret = key in ("api_key", "account_key") and value is not None
            values[dotted((*path, key))] = MASK if secret else value
    return tuple(
        ShownSetting(key, value, settings.sources.get(key, Source()))
        for key, value in values.items()
    )


def _as_plain(value: object) -> object:
    if isinstance(value, HostPort | Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _targets_of(settings: ProviderSettings) -> dict[str, float]:
    """The targets in force, also those that the region has said."""
    warm, cold = settings.targets.warm, settings.targets.cold
    return {
        "target_first_token": warm.first_token,
        "target_total": warm.total,
        "target_cold_first_token": cold.first_token,
        "target_cold_total": cold.total,
    }


def _has_effect(group: object) -> Callable[[attrs.Attribute[Any], Any], bool] | None:
    """Of a provider, only what its kind knows; its name stands in the key already."""
    match group:
        case ProviderSettings(kind=kind):
            return lambda attribute, _: KINDS[kind].has_use_for(attribute.name)
        case ConfiguredBotSettings():
            return lambda attribute, _: attribute.name != "wearer"  # a group of its own
        case _:
            return None
