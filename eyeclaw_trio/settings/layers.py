"""What one source of settings gave: values, where each was found, and what was wrong with it.

Every layer checks the values it has, also those that a higher one covers, so that `config check`
misses none. The file, the environment and the flags are read by modules of their own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings.kinds import Kind, UnfitValue
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.settings.schema import SCHEMA, Listed, Named

# Characters of a name that are compared, and of one that are shown.
LONGEST_NAME: Final = 64
_LONGEST_SHOWN: Final = 200
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


@frozen
class Source:
    """Where a value came from: a file with its line, `env NAME`, a flag, or the default."""

    where: Path | str = "default"
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.where}:{self.line}" if self.line is not None else str(self.where)


@frozen
class Given:
    """A value that was found, already of its kind. A table's own is None: it is there, no more."""

    value: object = field(repr=False)
    source: Source


@define
class Layer:
    """What one source gave, and what was wrong with it. `refused`: there, but of no use."""

    given: dict[KeyPath, Given] = field(factory=dict)
    refused: set[KeyPath] = field(factory=set)
    faults: list[ConfigurationError] = field(factory=list)

    def take(self, path: KeyPath, value: object, kind: Kind, source: Source, base: Path) -> None:
        """Read one value; relative paths are meant from the folder `base`."""
        try:
            known = kind.read(value)
        except UnfitValue as error:
            self.refuse(path, str(error), source)
            return
        self.given[path] = Given(base / known if isinstance(known, Path) else known, source)

    def refuse(
        self,
        path: KeyPath,
        problem: str,
        source: Source,
        name: str | None = None,
        *,
        may_pass: bool = False,
    ) -> None:
        self.refused.add(path)
        self.faults.append(fault(name or dotted(path), problem, source, may_pass=may_pass))


def fault(
    key: str | None, problem: str, source: Source | None, *, may_pass: bool = False
) -> ConfigurationError:
    """The error for one fault."""
    key = shorten(key) if key is not None else None
    where, line = (source.where, source.line) if source is not None else (None, None)
    return ConfigurationError(problem, key=key, source=where, line=line, may_pass=may_pass)


def dotted(path: KeyPath) -> str:
    """A key as a person would write it: `providers.home.model`, `bots[0].name`."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += ("." if name else "") + (part if _BARE.fullmatch(part) else f'"{part}"')
    return name


def shorten(name: str) -> str:
    """A name as it is shown: one of thousands of letters helps nobody."""
    return name if len(name) <= _LONGEST_SHOWN else name[:_LONGEST_SHOWN] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one."""
    name = name[:LONGEST_NAME]
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)), "")


def unknown(suggestion: str) -> str:
    """What is wrong with a setting that there is not."""
    return f"there is no such setting; the nearest known one is {suggestion}"


def known_paths(name: str = "NAME", index: int = 0) -> Iterator[KeyPath]:
    """Every setting that there is; `name` and `index` stand for what is free."""
    for group, schema in SCHEMA.items():
        match schema:
            case Kind():
                yield (group,)
            case Named():
                yield from ((group, name, key) for key in schema.inner)
            case Listed():
                for key, inner in schema.inner.items():
                    if isinstance(inner, Kind):
                        yield (group, index, key)
                    else:
                        yield from ((group, index, key, name) for name in inner)
            case _:
                yield from ((group, key) for key in schema)


NOT_YET: Final = "will come with a later version; leave it out until then"
