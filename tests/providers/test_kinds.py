"""The one table of all kinds of providers, and what the settings know of each."""

from __future__ import annotations

import attrs

from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.providers.kind import COMMON_KEYS
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings.schema import KEY_WAYS, SCHEMA, Named


def known_keys() -> frozenset[str]:
    providers = SCHEMA["providers"]
    assert isinstance(providers, Named)
    return frozenset(providers.inner)


def test_each_kind_is_found_by_the_name_that_it_has_in_the_settings() -> None:
    assert {name: kind.name for name, kind in KINDS.items()} == {"openai": "openai", "echo": "echo"}
    assert {name for name, kind in KINDS.items() if kind.is_model} == {"openai"}


def test_every_key_of_a_provider_is_of_use_to_some_kind_and_no_kind_names_another() -> None:
    used = COMMON_KEYS.union(*(kind.keys for kind in KINDS.values()))
    assert used == known_keys()
    fields = {each.name for each in attrs.fields(ProviderSettings)} - {"name"}
    assert used - set(KEY_WAYS) == fields - set(KEY_WAYS)


def test_what_a_kind_cannot_do_without_it_has_a_use_for() -> None:
    for kind in KINDS.values():
        assert all(kind.has_use_for(key) for key in kind.needed)
