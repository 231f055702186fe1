"""From settings to a provider: the one table of all kinds, and who opens one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from eyeclaw_trio.providers.echo import ECHO
from eyeclaw_trio.providers.fallback import FallbackProvider
from eyeclaw_trio.providers.kind import ProviderKind
from eyeclaw_trio.providers.openai import OPENAI
from eyeclaw_trio.providers.provider import Note, Provider, ignore
from eyeclaw_trio.providers.settings import ProviderSettings

# A new kind is a file of its own, which says what it is, and a name here.
KINDS: Final[Mapping[str, ProviderKind]] = MappingProxyType(
    {kind.name: kind for kind in (OPENAI, ECHO)}
)
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
    first = KINDS[settings.kind].open(settings, note)
    behind = [among[name] for name in settings.fallback if name in among]
    others = tuple(KINDS[each.kind].open(each, note) for each in behind)
    return FallbackProvider(first, others) if others else first
