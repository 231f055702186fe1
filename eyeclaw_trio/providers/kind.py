"""What the rest of the program asks about a kind of provider; each kind says it in its own file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from eyeclaw_trio.providers.provider import Note, Provider
from eyeclaw_trio.providers.settings import ProviderSettings

# The keys of `[providers.NAME]` that mean something whatever the kind.
COMMON_KEYS: Final = frozenset({"kind", "conversation", "fallback"})


@frozen
class ProviderKind:
    """One kind, by the name that `kind` has in the settings.

    `is_model` says whether a model answers: something to have a key for, to be timed, and to be
    chosen where nobody is named. Of the settings it uses `keys` beside COMMON_KEYS, all of them
    or none, and cannot do without `needed`. `open` makes a provider of them; see `open_provider`.
    """

    name: str
    open: Callable[[ProviderSettings, Note], Provider]
    is_model: bool = True
    keys: frozenset[str] = frozenset()
    needed: tuple[str, ...] = ()

    def has_use_for(self, key: str) -> bool:
        """Whether this key of `[providers.NAME]` means something to it."""
        return key in COMMON_KEYS or key in self.keys
