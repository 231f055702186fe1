"""Every setting with its meaning, default and unit: `eyeclaw config reference`, the page of the
settings, and the list in docs/. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import ConfiguredBotSettings, HostPort, Settings
from eyeclaw_trio.settings.changes import is_changeable
from eyeclaw_trio.settings.environment import variable_name
from eyeclaw_trio.settings.layers import dotted, known_paths
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.settings.meanings import MEANINGS, Language, Meaning

NAME: Final = "NAME"
_INDEX: Final = 0
# Where the meanings begin, in characters of a line.
_COLUMN: Final = 33
# Levels of a setting that has a line of its own; what is deeper says it again for one bot.
_DEEPEST: Final = 3
_OF_ONE_BOT: Final = {
    "en": "whatever [wearer] has, for this bot",
    "zh": "[wearer] 里的各项，只用于这个 Bot",
}
_SEPARATOR: Final = {"en": "; ", "zh": "；"}
# None as a default says nothing; these are decided when the program starts.
_DEFAULTS: Final = Settings(
    listen=HostPort("127.0.0.1", 8001), admin_listen=HostPort("127.0.0.1", 8002), data=Path()
)


@frozen
class ReferenceEntry:
    """One setting. `variable` names it in the environment; `default` is None where there is none,
    or where the machine decides it; `is_changeable`: on the page of the settings too."""

    path: KeyPath
    meaning: Meaning
    default: object
    variable: str
    is_changeable: bool

    @property
    def key(self) -> str:
        """As a person writes it: `patience.idle_timeout`."""
        return dotted(self.path)


def list_reference() -> Iterator[ReferenceEntry]:
    """All settings, in the order in which people read them."""
    known = set(known_paths(NAME, _INDEX))
    for path, meaning in MEANINGS.items():
        if path in known:
            yield ReferenceEntry(
                path, meaning, _default_of(path), variable_name(path), is_changeable(path)
            )


def find_entry(key: str) -> ReferenceEntry | None:
    """What a setting in force is (`providers.home.model`), whatever its provider's name or its
    bot's number is."""
    group = key.partition(".")[0].partition("[")[0]
    last = key.rpartition(".")[2]
    if group == "bots" and ".wearer." in key:
        return _BY_PATH.get(("bots", _INDEX, "wearer", last))
    paths: dict[str, KeyPath] = {
        "providers": ("providers", NAME, last),
        "bots": ("bots", _INDEX, last),
    }
    return _BY_PATH.get(paths.get(group, tuple(key.split("."))))


def render_reference(language: Language = "en") -> str:
    """The settings file with all there is, each with its default and what it means."""
    lines: list[str] = []
    table: KeyPath = ()
    for entry in list_reference():
        if len(entry.path) > _DEEPEST:
            continue
        if entry.path[:-1] != table:
            table = entry.path[:-1]
            lines += ["", f"[[{table[0]}]]" if table[-1] == _INDEX else f"[{dotted(table)}]"]
        lines.append(_render(entry, language))
    lines.append(f"{'# [bots.wearer]':<{_COLUMN - 2}}  # {_OF_ONE_BOT[language]}")
    return "\n".join(lines) + "\n"


def _render(entry: ReferenceEntry, language: Language) -> str:
    meaning, name = entry.meaning, str(entry.path[-1])
    if entry.default is None:
        setting = f"{'' if meaning.is_usual else '# '}{name} = {meaning.example}"
    else:
        setting = f"{name} = {_as_toml(entry.default)}"
    unit = meaning.unit_in(language)
    words = _SEPARATOR[language].join(part for part in (unit, meaning.text(language)) if part)
    return f"{setting:<{_COLUMN - 2}}  # {words}"


def _as_toml(value: object) -> str:
    if isinstance(value, dict) and not value:
        return "{}"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 10_000:
        return f"{value:_}"
    return json.dumps(value, ensure_ascii=False)


def _default_of(path: KeyPath) -> object:
    match path:
        case ("data",):
            return None
        case (_, _, "wearer", str(key)):
            return _as_plain(_default_of_field(WearerSettings, key))
        case (str(group), _, str(key)):
            owner = ProviderSettings if group == "providers" else ConfiguredBotSettings
            return _as_plain(_default_of_field(owner, key))
        case _:
            value: Any = _DEFAULTS
            for name in path:
                value = getattr(value, str(name), None)  # account_key_env is none of its fields
            return _as_plain(value)


def _default_of_field(owner: type[attrs.AttrsInstance], key: str) -> object:
    field = attrs.fields_dict(owner).get(key)  # api_key_env and the like are none of its fields
    if field is None or field.default is attrs.NOTHING:
        return None
    factory = getattr(field.default, "factory", None)
    value = field.default if factory is None else factory()
    return None if value == "" else value


def _as_plain(value: object) -> object:
    if isinstance(value, HostPort):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


_BY_PATH: Final[Mapping[KeyPath, ReferenceEntry]] = {each.path: each for each in list_reference()}
