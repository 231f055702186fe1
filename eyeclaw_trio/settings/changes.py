"""What the pages have changed: `settings.toml` in the data folder, below `eyeclaw.toml`.

Only settings that can do no more than work badly are there: nobody is locked out by one, and none
opens anything. They count from the next start of the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings.files import write_private_file
from eyeclaw_trio.settings.kinds import COUNT, SECONDS, SWITCH, Kind, UnfitValue
from eyeclaw_trio.settings.layers import Layer, dotted, known_paths
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.settings.schema import SCHEMA
from eyeclaw_trio.settings.toml_file import read_file

FILE_NAME: Final = "settings.toml"
_GROUPS: Final = frozenset({"patience", "limits", "traces"})
_ALONE: Final = frozenset({("sse_error_event",), ("admin", "session_hours")})
_HEAD: Final = "# Written by the pages of eyeclaw. What eyeclaw.toml says counts more.\n"


def is_changeable(path: KeyPath) -> bool:
    """Whether a page may change this setting."""
    return (path in _ALONE or path[0] in _GROUPS) and _kind_of(path) in (SECONDS, COUNT, SWITCH)


def read_changes(folder: Path) -> Layer:
    """What was changed; nothing where there is no such file, or this user may not look."""
    file = folder / FILE_NAME
    try:
        if not file.is_file():
            return Layer()
    except (OSError, ValueError):
        return Layer()
    layer = read_file(file)
    for path, given in list(layer.given.items()):
        if len(path) > 1 and given.value is None:
            continue
        if given.value is not None and not is_changeable(path):
            del layer.given[path]
            layer.refuse(path, "can be said in eyeclaw.toml only", given.source)
    return layer


def change_setting(folder: Path, key: str, text: str | None) -> None:
    """Write down what a page says about the setting `key`; None: nothing any more. It counts from
    the next start.

    Blocks for one small write; one call at a time. Raises ConfigurationError for a setting that no
    page may change, a value that does not fit, and a file that cannot be read or written.
    """
    path = next((each for each in known_paths() if dotted(each) == key), None)
    if path is None or not is_changeable(path):
        raise ConfigurationError("cannot be changed here", key=key)
    layer = read_changes(folder)
    if layer.faults:
        raise layer.faults[0]
    values = {where: given.value for where, given in layer.given.items() if is_changeable(where)}
    values.pop(path, None)
    if text is not None:
        kind = _kind_of(path)
        try:
            values[path] = kind.read(kind.parse(text.strip()))
        except UnfitValue as why:
            raise ConfigurationError(str(why), key=key) from None
    try:
        write_private_file(folder / FILE_NAME, _render(values).encode())
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ConfigurationError(problem, source=folder / FILE_NAME) from error


def _render(values: Mapping[KeyPath, object]) -> str:
    """TOML: switches and numbers only. The keys without a table come first."""
    lines = [_HEAD]
    for path, value in sorted(values.items(), key=lambda each: (len(each[0]), each[0])):
        said = str(value).lower() if isinstance(value, bool) else repr(value)
        lines.append(f"{dotted(path)} = {said}\n")
    return "".join(lines)


def _kind_of(path: KeyPath) -> Kind:
    schema = SCHEMA.get(str(path[0]))
    with suppress(KeyError):
        found = schema[str(path[1])] if isinstance(schema, Mapping) and len(path) == 2 else schema
        if isinstance(found, Kind):
            return found
    return Kind(str)
