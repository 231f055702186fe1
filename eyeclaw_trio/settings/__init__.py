"""The settings in force: flags, environment, `eyeclaw.toml`, what the pages have changed in the
data folder, defaults (CLI, "Settings").

What belongs here is what the values mean together: which are needed, which exclude each other,
and where a secret is. Parts of the program get the one small group that they define themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import platformdirs
from attrs import define, evolve, field, frozen

from eyeclaw_trio.admin.settings import AdminSettings
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.providers.openclaw import NAME as OPENCLAW
from eyeclaw_trio.providers.ready_made import READY_MADE
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.push.settings import PushSettings
from eyeclaw_trio.settings.changes import read_changes
from eyeclaw_trio.settings.environment import read_environment, read_flags
from eyeclaw_trio.settings.kinds import HostPort
from eyeclaw_trio.settings.layers import Layer, Source
from eyeclaw_trio.settings.provider_reading import ECHO, ProviderReading, explain_unknown
from eyeclaw_trio.settings.schema import ACCOUNT_KEY_WAYS, KEY_WAYS
from eyeclaw_trio.settings.toml_file import find_file, read_file
from eyeclaw_trio.store.retention import TraceSettings


@frozen
class ConfiguredBotSettings:
    """One bot of `[[bots]]`: embedded, or without a provider what is said of a linked one of that
    name. `conversation`, `speech` and `wearer` are None where nothing of its own was said."""

    name: str
    provider: str | None = None
    default: bool = False
    late: Literal["end", "push"] = "end"
    conversation: Conversation | None = None
    speech: Literal["as_is", "clean"] | None = None
    wearer: WearerSettings | None = None


@frozen
class Settings:
    """All settings. `providers` has at least `echo`, behind those that were configured the
    ready-made ones whose key is in the environment (`unconfigured`); every bot's provider is in it.
    `unusable_keys` says by variable why a ready-made provider is not there, though its key is set.

    `sources` says by dotted key where what was given came from; `warnings` are for the owner to
    read at start. `chat_provider` answers chat clients who name none: the first that was
    configured, unless another was said; None where none was.
    """

    listen: HostPort
    admin_listen: HostPort
    data: Path
    binding: Literal["off", "required"] = "off"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    allowed_origins: tuple[str, ...] = ()
    chat_provider: str | None = None
    sse_error_event: bool = True
    keepalive_message: bool = True
    refuse_aloud: bool = False
    incident_code: bool = True
    allowed_users: tuple[str, ...] = ()
    frame_shortcut: bool = True
    wearer: WearerSettings = field(factory=WearerSettings)
    patience: Patience = field(factory=Patience)
    limits: Limits = field(factory=Limits)
    traces: TraceSettings = field(factory=TraceSettings)
    admin: AdminSettings = field(factory=AdminSettings)
    push: PushSettings = field(factory=PushSettings)
    providers: Mapping[str, ProviderSettings] = field(factory=dict)
    unconfigured: frozenset[str] = frozenset()
    unusable_keys: Mapping[str, str] = field(factory=dict)
    bots: tuple[ConfiguredBotSettings, ...] = ()
    file: Path | None = None
    sources: Mapping[str, Source] = field(factory=dict, repr=False)
    warnings: tuple[str, ...] = ()

    def require_provider(self, name: str) -> ProviderSettings:
        """The provider of this name. Raises ConfigurationError that says the nearest one."""
        if name not in self.providers:
            raise ConfigurationError(explain_unknown(name, self.providers, self.unusable_keys))
        return self.providers[name]

    def only_provider(self) -> str:
        """Who answers where nobody was named: the one that was configured, or the only one that
        has a key, or the OpenClaw of this machine. Raises ConfigurationError for any choice."""
        models = [name for name, each in self.providers.items() if KINDS[each.kind].is_model]
        configured = [name for name in models if name not in self.unconfigured]
        if len(models) > 1 and not configured and OPENCLAW in models:
            return OPENCLAW  # this is the connector beside it
        if len(configured or models) != 1:
            raise ConfigurationError(
                "say with --provider which one answers: " + ", ".join(self.providers)
            )
        return (configured or models)[0]


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
    may_pass = all(each.may_pass for each in check.faults)
    raise ConfigurationError(
        problem, key=first.key, source=first.source, line=first.line, may_pass=may_pass
    )


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
    layers = [
        from_file,
        read_environment(environ, cwd, names | {ECHO} | READY_MADE.keys()),
        read_flags(flags, cwd),
    ]
    data = _merge([Layer(dict(each.given)) for each in layers]).given.get(("data",))
    folder = data.value if data is not None else _usual_folder()
    layers.insert(0, read_changes(Path(str(folder))))
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
            ways = {"providers": KEY_WAYS, "push": ACCOUNT_KEY_WAYS}.get(str(path[0]), ())
            if path[-1] in ways:
                # Another way to give the same key, from below, is covered by this one.
                for way in ways:
                    if (*path[:-1], way) not in layer.given:
                        merged.given.pop((*path[:-1], way), None)
            if given.value is not None or path not in merged.given:
                merged.given[path] = given
        merged.refused |= layer.refused
        merged.faults += layer.faults
    return merged


@define
class _Reading(ProviderReading):
    """From what was given to the settings."""

    def build(self, file: Path | None) -> Settings:
        providers, unconfigured = self.build_providers()
        wearer = WearerSettings(**self.values_of(("wearer",), WearerSettings))
        bots, push = self.build_bots(providers, wearer), self.read_push()
        for index, bot in zip(sorted(self.names_in("bots")), bots, strict=False):
            if bot.late == "push" and push.account_key is None:
                self.refuse(("bots", index, "late"), "needs [push] account_key")
        settings = Settings(
            listen=self.value(("listen",), HostPort("127.0.0.1", 8001)),
            admin_listen=self.value(("admin_listen",), HostPort("127.0.0.1", 8002)),
            data=self.value(("data",), _usual_folder()),
            binding=self.value(("binding",), "off"),
            tls_certificate=self.value(("tls_certificate",), None),
            tls_key=self.value(("tls_key",), None),
            allowed_origins=self.value(("allowed_origins",), ()),
            chat_provider=self.read_chat_provider(providers),
            sse_error_event=self.value(("sse_error_event",), True),
            keepalive_message=self.value(("keepalive_message",), True),
            refuse_aloud=self.value(("refuse_aloud",), False),
            incident_code=self.value(("incident_code",), True),
            allowed_users=self.value(("allowed_users",), ()),
            frame_shortcut=self.value(("frame_shortcut",), True),
            wearer=wearer,
            patience=Patience(**self.values_of(("patience",), Patience)),
            limits=Limits(**self.values_of(("limits",), Limits)),
            traces=TraceSettings(**self.values_of(("traces",), TraceSettings)),
            admin=AdminSettings(**self.values_of(("admin",), AdminSettings)),
            push=push,
            providers=providers,
            unconfigured=unconfigured,
            unusable_keys=self.unusable_keys,
            bots=bots,
            file=file,
            sources=self.sources,
            warnings=tuple(self.warnings),
        )
        self.check_listeners(settings)
        return settings

    def read_chat_provider(self, providers: Mapping[str, ProviderSettings]) -> str | None:
        configured = [str(name) for name in self.names_in("providers")]
        name: str | None = self.value(("chat_provider",), next(iter(configured), None))
        if name is not None and name not in providers:
            self.refuse(("chat_provider",), self.explain_unknown(name, providers))
        return name

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
                self.refuse((name,), "there is no such file", may_pass=True)

    def build_bots(
        self, providers: Mapping[str, ProviderSettings], usual: WearerSettings
    ) -> tuple[ConfiguredBotSettings, ...]:
        bots: dict[str, ConfiguredBotSettings] = {}
        default: str | None = None
        for index in sorted(self.names_in("bots")):
            path = ("bots", index)
            given = self.values_of(path, ConfiguredBotSettings)
            self.need(path, given, "name")
            if own := self.values_of((*path, "wearer"), WearerSettings):
                given["wearer"] = evolve(usual, **own)
            bot = ConfiguredBotSettings(**{"name": f"\0{index}", **given})
            if bot.provider is not None and bot.provider not in providers:
                self.refuse((*path, "provider"), self.explain_unknown(bot.provider, providers))
            if bot.name in bots:
                self.refuse((*path, "name"), "another bot has this name")
            if bot.default and default is not None:
                self.refuse((*path, "default"), "another bot is the default already")
            if bot.default:
                default = bot.name
            bots[bot.name] = bot
        return tuple(bots.values())


def _usual_folder() -> Path:
    return platformdirs.user_data_path("eyeclaw", appauthor=False)


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
