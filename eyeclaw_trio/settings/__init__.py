"""The settings in force: flags, environment, `eyeclaw.toml`, defaults (CLI, "Settings").

What belongs here is what the values mean together: which are needed, which exclude each other,
and where a secret is. Parts of the program get the one small group that they define themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import platformdirs
from attrs import define, field, frozen

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.openclaw import NAME as OPENCLAW
from eyeclaw_trio.providers.openclaw import TOKEN_VARIABLE, with_local_openclaw
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings.kinds import KEY_WAYS, HostPort
from eyeclaw_trio.settings.layers import (
    Given,
    Layer,
    Source,
    dotted,
    fault,
    find_file,
    nearest,
    read_environment,
    read_file,
    read_flags,
)
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.store.retention import TraceSettings

ECHO: Final = "echo"


@frozen
class ConfiguredBotSettings:
    """One embedded bot of `[[bots]]`."""

    name: str
    provider: str
    default: bool = False


@frozen
class Settings:
    """All settings. `providers` has at least `echo`, and the local OpenClaw where its token is in
    the environment; every bot's provider is in it.

    `sources` says by dotted key where what was given came from; `warnings` are for the owner to
    read at start; `chat_provider` stays None until there is chat.
    """

    listen: HostPort
    admin_listen: HostPort
    data: Path
    binding: Literal["off"] = "off"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    allowed_origins: tuple[str, ...] = ()
    chat_provider: str | None = None
    sse_error_event: bool = True
    patience: Patience = field(factory=Patience)
    limits: Limits = field(factory=Limits)
    traces: TraceSettings = field(factory=TraceSettings)
    providers: Mapping[str, ProviderSettings] = field(factory=dict)
    bots: tuple[ConfiguredBotSettings, ...] = ()
    file: Path | None = None
    sources: Mapping[str, Source] = field(factory=dict, repr=False)
    warnings: tuple[str, ...] = ()

    def require_provider(self, name: str) -> ProviderSettings:
        """The provider of this name. Raises ConfigurationError that says the nearest one."""
        if name not in self.providers:
            raise ConfigurationError(_no_provider(name, self.providers))
        return self.providers[name]


@frozen
class SettingsCheck:
    """What was read: settings, or else every fault, in the order of the file."""

    file: Path | None
    settings: Settings | None
    faults: tuple[ConfigurationError, ...] = ()


def load_settings(
    flags: Mapping[str, object], *, config: Path | None, environ: Mapping[str, str], cwd: Path
) -> Settings:
    """Read all settings, or raise ConfigurationError: the first fault, and how many there are.

    `flags` are settings by name, None where not given. `config` is the file to read, else
    `EYECLAW_CONFIG`, else `eyeclaw.toml` in `cwd` or in the user's configuration folder.
    """
    check = check_settings(flags, config=config, environ=environ, cwd=cwd)
    if check.settings is not None:
        return check.settings
    first, *others = check.faults
    if not others:
        raise first
    problem = f"{first.problem} (and {len(others)} more: `eyeclaw config check` lists them)"
    raise ConfigurationError(problem, key=first.key, source=first.source, line=first.line)


def check_settings(
    flags: Mapping[str, object], *, config: Path | None, environ: Mapping[str, str], cwd: Path
) -> SettingsCheck:
    """Read all settings as `load_settings` does, and keep every fault."""
    try:
        file = find_file(config, environ, cwd)
    except ConfigurationError as error:
        return SettingsCheck(None, None, (error,))
    from_file = read_file(file) if file is not None else Layer()
    names = {str(path[1]) for path in from_file.given if path[0:1] == ("providers",)}
    layers = [from_file, read_environment(environ, cwd, names | {ECHO}), read_flags(flags, cwd)]
    reading = _Reading(_merge(layers), environ)
    settings = reading.build(file)
    if not reading.all.faults:
        return SettingsCheck(file, settings)
    faults = sorted(reading.all.faults, key=lambda each: each.line or float("inf"))
    return SettingsCheck(file, None, tuple(faults))


def _merge(layers: list[Layer]) -> Layer:
    """One layer of all: the later ones have the last word."""
    merged = Layer()
    for layer in layers:
        for path, given in layer.given.items():
            if path[-1] in KEY_WAYS and path[0] == "providers":
                # Another way to give the same key, from below, is covered by this one.
                for way in KEY_WAYS:
                    if (*path[:-1], way) not in layer.given:
                        merged.given.pop((*path[:-1], way), None)
            if given.value is not None or path not in merged.given:
                merged.given[path] = given
        merged.refused |= layer.refused
        merged.faults += layer.faults
    return merged


def _no_provider(name: str, known: Mapping[str, ProviderSettings]) -> str:
    listed = ", ".join(known)
    problem = (
        f'there is no provider of this name; the nearest known one is "{nearest(name, known)}"'
    )
    if name == OPENCLAW:
        return (
            f"there is no provider of this name: set {TOKEN_VARIABLE} for an OpenClaw on this "
            f"machine, or add [providers.{OPENCLAW}] to the settings (known are: {listed})"
        )
    return f"{problem} (known are: {listed})"


@define
class _Reading:
    """From what was given to the settings; faults go to `all.faults`."""

    all: Layer
    environ: Mapping[str, str] = field(repr=False)
    sources: dict[str, Source] = field(factory=dict)
    warnings: list[str] = field(factory=list)

    def build(self, file: Path | None) -> Settings:
        providers = {ECHO: ProviderSettings(ECHO, "echo")}
        for name in self.names_in("providers"):
            providers[str(name)] = self.build_provider(str(name))
        local = with_local_openclaw(providers, self.environ)
        for name in local.keys() - providers.keys():
            self.sources[dotted(("providers", name, "api_key"))] = Source(f"env {TOKEN_VARIABLE}")
        providers = local
        bots = self.build_bots(providers)
        home = platformdirs.user_data_path("eyeclaw", appauthor=False)
        settings = Settings(
            listen=self.value(("listen",), HostPort("127.0.0.1", 8001)),
            admin_listen=self.value(("admin_listen",), HostPort("127.0.0.1", 8002)),
            data=self.value(("data",), home),
            binding=self.value(("binding",), "off"),
            tls_certificate=self.value(("tls_certificate",), None),
            tls_key=self.value(("tls_key",), None),
            allowed_origins=self.value(("allowed_origins",), ()),
            sse_error_event=self.value(("sse_error_event",), True),
            patience=Patience(**self.values_of(("patience",), Patience)),
            limits=Limits(**self.values_of(("limits",), Limits)),
            traces=TraceSettings(**self.values_of(("traces",), TraceSettings)),
            providers=providers,
            bots=bots,
            file=file,
            sources=self.sources,
            warnings=tuple(self.warnings),
        )
        self.check_listeners(settings)
        return settings

    def check_listeners(self, settings: Settings) -> None:
        if settings.listen == settings.admin_listen and settings.listen.port:
            self.refuse(("admin_listen",), "must not be the same as listen")
        pair = {"tls_certificate": settings.tls_certificate, "tls_key": settings.tls_key}
        for name, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
            file = pair[name]
            if file is None:
                continue
            if pair[other] is None and (other,) not in self.all.refused:
                self.refuse((name,), f"needs {other} beside it")
            if not _may_be_file(file):
                self.refuse((name,), "there is no such file")

    def build_provider(self, name: str) -> ProviderSettings:
        path = ("providers", name)
        given = self.values_of(path, ProviderSettings)
        # The built-in echo can be adjusted; with an address the name means another one.
        builtin = name == ECHO and "base_url" not in given
        kind = given.setdefault("kind", "echo" if builtin else "openai")
        if (*path, "kind") in self.all.refused:
            pass
        elif kind == "openai":
            self.need(path, given, "base_url", "model")
        else:
            useful = {"kind", "conversation", "fallback"}
            for other in [each for each in self.all.given if each[:2] == path and each != path]:
                if other[-1] not in useful:
                    self.refuse(other, f'a provider of kind "{kind}" has no use for it')
        given["api_key"] = self.read_key(path)
        return ProviderSettings(name, **given)

    def read_key(self, path: KeyPath) -> str | None:
        ways = [way for way in KEY_WAYS if (*path, way) in self.all.given]
        if len(ways) > 1:
            self.refuse((*path, ways[1]), f"{ways[0]} is there too; say one of them")
            return None
        if not ways:
            return None
        place = (*path, ways[0])
        given = self.all.given[place]
        key, source = str(given.value), given.source
        match ways[0]:
            case "api_key_env":
                # The name is not repeated: a key that was put here by mistake would be shown.
                key, source = self.environ.get(key, "").strip(), Source(f"env {key}")
                if not key:
                    where = fault(
                        dotted(place), "the environment variable is not set", given.source
                    )
                    self.warnings.append(f"{where}; this provider is asked without a key")
                    return None
            case "api_key_file":
                source = Source(Path(key))
                try:
                    key = Path(key).read_text("utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    why = getattr(error, "strerror", None) or "not UTF-8 text"
                    self.refuse(place, f"the file cannot be read ({why})")
                    return None
        if not key.isascii() or not key.isprintable() or not key or " " in key:
            self.refuse(place, "must lead to one key: printable ASCII, without spaces")
            return None
        self.sources[dotted((*path, "api_key"))] = source
        return key

    def build_bots(
        self, providers: Mapping[str, ProviderSettings]
    ) -> tuple[ConfiguredBotSettings, ...]:
        bots: dict[str, ConfiguredBotSettings] = {}
        default: str | None = None
        for index in sorted(self.names_in("bots")):
            path = ("bots", index)
            given = self.values_of(path, ConfiguredBotSettings)
            self.need(path, given, "name", "provider")
            bot = ConfiguredBotSettings(**{"name": f"\0{index}", "provider": ECHO, **given})
            if bot.provider not in providers:
                self.refuse((*path, "provider"), _no_provider(bot.provider, providers))
            if bot.name in bots:
                self.refuse((*path, "name"), "another bot has this name")
            if bot.default and default is not None:
                self.refuse((*path, "default"), "another bot is the default already")
            if bot.default:
                default = bot.name
            bots[bot.name] = bot
        return tuple(bots.values())

    def need(self, path: KeyPath, given: Mapping[str, Any], *keys: str) -> None:
        for key in keys:
            if key not in given and (*path, key) not in self.all.refused:
                self.refuse((*path, key), "is missing")

    def names_in(self, group: str) -> list[Any]:
        """The tables of a group, each once, in the order they were given."""
        found = (path[1] for path in self.all.given if path[0:1] == (group,) and len(path) > 1)
        return list(dict.fromkeys(found))

    def values_of(self, path: KeyPath, group: type[attrs.AttrsInstance]) -> dict[str, Any]:
        """What was given of a group's fields; where the group's defaults hold, nothing."""
        absent = object()
        pairs = {
            each.name: self.value((*path, each.name), absent)
            for each in attrs.fields(group)
            if each.name not in KEY_WAYS
        }
        return {name: value for name, value in pairs.items() if value is not absent}

    def value(self, path: KeyPath, default: Any) -> Any:
        given = self.all.given.get(path)
        if given is None:
            return default
        self.sources[dotted(path)] = given.source
        return given.value

    def refuse(self, path: KeyPath, problem: str) -> None:
        """A fault of this key, at its line, or at that of the table where it is missing."""
        around = (path[:end] for end in range(len(path), 0, -1))
        given: Given | None = next(
            (self.all.given[each] for each in around if each in self.all.given), None
        )
        self.all.refuse(path, problem, given.source if given is not None else Source())


def _may_be_file(path: Path) -> bool:
    """False when it certainly is none; another user's folder may not be looked into."""
    try:
        return path.is_file()
    except OSError:
        return True


__all__ = [
    "ConfiguredBotSettings",
    "HostPort",
    "Settings",
    "SettingsCheck",
    "check_settings",
    "load_settings",
]
