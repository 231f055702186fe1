"""Settings of the environment and of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from eyeclaw_trio.settings.kinds import Kind
from eyeclaw_trio.settings.layers import (
    LONGEST_NAME,
    NOT_YET,
    Given,
    Layer,
    Source,
    fault,
    known_paths,
    nearest,
    shorten,
    unknown,
)
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.settings.schema import SCHEMA, Listed, Named, is_planned

PREFIX: Final = "EYECLAW_"
# Read by commands themselves: they are no settings, and no mistakes either.
COMMAND_NAMES: Final = frozenset(
    PREFIX + name for name in ("CONFIG", "SERVER", "BOT", "KEY", "KEY_FILE", "TOKEN", "TOKEN_FILE")
)
# Digits of a bot's number.
_INDEX: Final = re.compile(r"[0-9]{1,6}")


def read_environment(environ: Mapping[str, str], cwd: Path, names: Iterable[str]) -> Layer:
    """Every setting of the environment; an empty variable counts as not set.

    `names` are the providers that the file has: `EYECLAW_PROVIDERS__MY_GPT__MODEL` means its
    `my-gpt`, and a new provider `my_gpt` only where there is none.
    """
    layer = Layer()
    spelled = {_fold(name): name for name in names}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in COMMAND_NAMES:
            continue
        source = Source(f"env {shorten(name)}")
        path, schema = _descend(_levels(name), spelled)
        match schema:
            case Kind() if environ[name]:
                if len(path) > 2:
                    layer.given.setdefault(path[:2], Given(None, source))
                layer.take(path, schema.parse(environ[name]), schema, source, cwd)
            case Kind():
                pass
            case None if is_planned(tuple(_levels(name))):
                layer.faults.append(fault(None, NOT_YET, source))
            case None:
                known = [*_known_variables(name), *sorted(COMMAND_NAMES)]
                problem = unknown(nearest(name, known))
                layer.faults.append(fault(None, problem, source))
    return layer


def read_flags(flags: Mapping[str, object], cwd: Path) -> Layer:
    """Every setting of the command line; None counts as not given."""
    layer = Layer()
    for name, value in flags.items():
        kind = SCHEMA[name]
        if value is not None and isinstance(kind, Kind):
            source = Source("--" + name.replace("_", "-"))
            known = kind.parse(value) if isinstance(value, str) else value
            layer.take((name,), known, kind, source, cwd)
    return layer


def _levels(name: str) -> list[str]:
    """`EYECLAW_A__B` as `a`, `b`."""
    return name.removeprefix(PREFIX).lower().split("__")


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def _descend(parts: list[str], spelled: Mapping[str, str]) -> tuple[KeyPath, Kind | None]:
    """What a variable's levels name."""
    group = SCHEMA.get(parts[0])
    match group, parts[1:]:
        case Kind(), []:
            return (parts[0],), group
        case Named(), [name, key] if name:
            return (parts[0], spelled.get(_fold(name), name), key), group.inner.get(key)
        case Listed(), [index, key] if _INDEX.fullmatch(index):
            found = group.inner.get(key)
            return (parts[0], int(index), key), found if isinstance(found, Kind) else None
        case Listed(), [index, table, key] if _INDEX.fullmatch(index):
            inner = group.inner.get(table)
            found = inner.get(key) if isinstance(inner, Mapping) else None
            return (parts[0], int(index), table, key), found
        case Mapping(), [key]:
            return (parts[0], key), group.get(key)
        case _:
            return (), None


def _known_variables(asked: str) -> Iterator[str]:
    """All variables' names, those of providers and bots for the one that was asked for."""
    parts = asked.removeprefix(PREFIX).split("__")
    middle = parts[1][:LONGEST_NAME] if len(parts) > 2 else ""
    index = int(middle) if _INDEX.fullmatch(middle) else 0
    for path in known_paths(middle or "NAME", index):
        yield variable_name(path)


def variable_name(path: KeyPath) -> str:
    """The variable that says this setting: `EYECLAW_PATIENCE__IDLE_TIMEOUT`."""
    return PREFIX + "__".join(str(part).upper() for part in path)
