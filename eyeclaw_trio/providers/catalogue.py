"""From settings to a provider."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from eyeclaw_trio.providers.echo import EchoProvider
from eyeclaw_trio.providers.fallback import FallbackProvider
from eyeclaw_trio.providers.openai import OpenAIProvider
from eyeclaw_trio.providers.provider import Note, Provider, ignore
from eyeclaw_trio.providers.settings import ProviderSettings

_NOBODY: Final[Mapping[str, ProviderSettings]] = MappingProxyType({})


def open_provider(
    settings: ProviderSettings,
    among: Mapping[str, ProviderSettings] = _NOBODY,
    note: Note = ignore,
) -> Provider:
    """Make the provider that the settings describe; nothing is connected yet.

    Its `fallback` names others `among` all of them. `note` is told of every answer, with the name
    of who gave it. Raises ConfigurationError for an address or a key that cannot work. The caller
    closes it.
    """
    first = _open_one(settings, note)
    others = tuple(_open_one(among[name], note) for name in settings.fallback if name in among)
    return FallbackProvider(first, others) if others else first


def _open_one(settings: ProviderSettings, note: Note) -> Provider:
    match settings.kind:
        case "echo":
            return EchoProvider(settings.name, settings.conversation)
        case "openai":
            return OpenAIProvider(settings, note)
