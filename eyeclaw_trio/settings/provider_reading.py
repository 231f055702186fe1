"""The tables `[providers.NAME]`: what a name says by itself, and where its key is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.providers.echo import ECHO as _ECHO_KIND
from eyeclaw_trio.providers.ready_made import KIND as READY_MADE_KIND
from eyeclaw_trio.providers.ready_made import READY_MADE, ReadyMade
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.push.settings import PLATFORM_URL, PushSettings
from eyeclaw_trio.settings.files import UnreadableFile, read_secret_file, why_no_key
from eyeclaw_trio.settings.layers import Source, dotted, fault, nearest
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.settings.reading import Reading
from eyeclaw_trio.settings.schema import ACCOUNT_KEY_WAYS, KEY_WAYS

ECHO: Final = _ECHO_KIND.name
# Where a value came from that a provider's name alone has given it.
_READY_MADE: Final = Source("ready-made")
# Seconds to the first token where others stand behind a provider and nothing was said: they must
# still have their turn within a bot's `idle_timeout`.
_FIRST_TOKEN_BEFORE_FALLBACK: Final = 20.0


@define
class ProviderReading(Reading):
    """From what was given to the providers.

    `unusable_keys` are variables of ready-made providers that hold no key, and why.
    """

    unusable_keys: dict[str, str] = field(factory=dict, init=False)

    def build_providers(self) -> tuple[dict[str, ProviderSettings], frozenset[str]]:
        """All of them by name, and the names of those that nobody has configured: they are there
        because their key is."""
        providers = {ECHO: ProviderSettings(ECHO, ECHO)}
        for name in self.names_in("providers"):
            providers[str(name)] = self.build_provider(str(name))
        unconfigured = [
            name
            for name, ready in READY_MADE.items()
            if name not in providers and self.find_ready_key(ready) is not None
        ]
        for name in unconfigured:
            providers[name] = self.build_provider(name)
        self.check_fallbacks(providers)
        return providers, frozenset(unconfigured)

    def build_provider(self, name: str) -> ProviderSettings:
        path = ("providers", name)
        given = self.values_of(path, ProviderSettings)
        # The built-in echo can be adjusted; with an address the name means another one.
        builtin = name == ECHO and "base_url" not in given
        kind = KINDS[given.setdefault("kind", ECHO if builtin else READY_MADE_KIND)]
        ready = READY_MADE.get(name) if kind.name == READY_MADE_KIND else None
        if (*path, "kind") not in self.all.refused:
            if ready is not None:
                self.fill_in(path, given, ready)
            if (
                kind.has_use_for("first_token_timeout")
                and given.get("fallback")
                and "first_token_timeout" not in given
            ):
                given["first_token_timeout"] = _FIRST_TOKEN_BEFORE_FALLBACK
            for other in [each for each in self.all.given if each[:2] == path and each != path]:
                if not kind.has_use_for(str(other[-1])):
                    self.refuse(other, f'a provider of kind "{kind.name}" has no use for it')
            self.need(path, given, *kind.needed)
        given["api_key"] = self.read_key(path)
        is_at_home = ready is not None and given.get("base_url") == ready.base_url
        if ready is not None and is_at_home and not self.key_ways(path):
            # Only to the address that it is for: a key is not sent to another by itself.
            given["api_key"] = self.read_ready_key(path, ready)
        return ProviderSettings(name, **given)

    def fill_in(self, path: KeyPath, given: dict[str, Any], ready: ReadyMade) -> None:
        """What a well-known name says by itself; whatever was given counts more."""
        usual: dict[str, Any] = {"base_url": ready.base_url, "region": ready.region}
        if "model" not in given:
            usual |= {"model": ready.model, **({"extra": ready.extra} if ready.extra else {})}
        for key, value in usual.items():
            if key not in given and (*path, key) not in self.all.refused:
                given[key] = value
                self.sources[dotted((*path, key))] = _READY_MADE

    def read_ready_key(self, path: KeyPath, ready: ReadyMade) -> str | None:
        variable = self.find_ready_key(ready)
        if variable is None:
            if self.sources.get(dotted((*path, "base_url"))) is not _READY_MADE:
                return None  # an address of its own may need no key
            names = " or ".join(ready.key_variables)
            where = fault(dotted(path), f"there is no key in {names}", self.source_of(path))
            self.warnings.append(f"{where}; this provider is asked without a key")
            return None
        self.sources[dotted((*path, "api_key"))] = Source(f"env {variable}")
        return self.environ[variable].strip()

    def find_ready_key(self, ready: ReadyMade) -> str | None:
        """The variable with its key. One that holds no key is worth a word, and no more."""
        variable = ready.find_key(self.environ)
        if variable is None or variable in self.unusable_keys:
            return None
        why = why_no_key(self.environ[variable].strip())
        if why is not None:
            self.unusable_keys[variable] = why
            self.warnings.append(f"env {variable}: holds no key: {why}")
            return None
        return variable

    def check_fallbacks(self, providers: Mapping[str, ProviderSettings]) -> None:
        for name, settings in providers.items():
            for number, other in enumerate(settings.fallback, 1):
                path = ("providers", name, "fallback")
                if other == name:
                    self.refuse(path, "must not name the provider itself")
                elif other not in providers:
                    self.refuse(path, f"number {number}: {self.explain_unknown(other, providers)}")

    def explain_unknown(self, name: str, known: Mapping[str, ProviderSettings]) -> str:
        return explain_unknown(name, known, self.unusable_keys)

    def key_ways(self, path: KeyPath) -> list[str]:
        """In which ways its key was given; there should be one at most."""
        known = self.all.given.keys() | self.all.refused
        return [way for way in KEY_WAYS if (*path, way) in known]

    def read_push(self) -> PushSettings:
        path = ("push",)
        key = self.read_key(path, ACCOUNT_KEY_WAYS, "pushes are refused")
        return PushSettings(key, self.value((*path, "url"), PLATFORM_URL))

    def read_key(
        self,
        path: KeyPath,
        known: Sequence[str] = KEY_WAYS,
        without: str = "this provider is asked without a key",
    ) -> str | None:
        """The key that was given in one of these three ways: itself, by variable, by file."""
        ways = [way for way in known if (*path, way) in self.all.given]
        if len(ways) > 1:
            self.refuse((*path, ways[1]), f"{ways[0]} is there too; say one of them")
            return None
        if not ways:
            return None
        place = (*path, ways[0])
        given = self.all.given[place]
        key, source, called = str(given.value), given.source, ""
        match known.index(ways[0]):
            case 1:
                # The name is not repeated: a key that was put here by mistake would be shown.
                key, source = self.environ.get(key, "").strip(), Source(f"env {key}")
                if not key:
                    where = fault(
                        dotted(place), "the environment variable is not set", given.source
                    )
                    self.warnings.append(f"{where}; {without}")
                    return None
                called = f"{given.value} "  # which is a variable's name, as has been seen
            case 2:
                source, called = Source(Path(key)), f"the file {key} "
                try:
                    key = read_secret_file(Path(key))
                except UnreadableFile as why:
                    self.refuse(place, f"the file cannot be read ({why})", may_pass=True)
                    return None
        problem = why_no_key(key)
        if problem is not None:
            self.refuse(place, f"{called}holds no key: {problem}")
            return None
        self.sources[dotted((*path, known[0]))] = source
        return key


def explain_unknown(
    name: str, known: Mapping[str, ProviderSettings], unusable_keys: Mapping[str, str]
) -> str:
    """What is wrong with this name of a provider, and how it may come to be known."""
    listed = ", ".join(known)
    problem = (
        f'there is no provider of this name; the nearest known one is "{nearest(name, known)}"'
    )
    if name in READY_MADE:
        variables = READY_MADE[name].key_variables
        for each in variables:
            if each in unusable_keys:
                return f"{each} is set, but holds no key: {unusable_keys[each]}"
        return (
            f"there is no provider of this name: set {variables[0]} in the "
            f"environment, or add [providers.{name}] to the settings (known are: {listed})"
        )
    return f"{problem} (known are: {listed})"
