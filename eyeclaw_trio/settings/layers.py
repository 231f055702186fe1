"""Where settings come from: the file, the environment, the flags; each read on its own.

What belongs here is finding the values and saying where they were found. Every layer checks the
values it has, also those that a higher one covers, so that `config check` misses none.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import platformdirs
from attrs import define, field, frozen

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings.files import LARGEST_SETTINGS, UnreadableFile, read_file_bytes
from eyeclaw_trio.settings.kinds import SCHEMA, Kind, Listed, Named, Schema, UnfitError
from eyeclaw_trio.settings.lines import KeyPath, find_lines, line_of

FILE_NAME: Final = "eyeclaw.toml"
PREFIX: Final = "EYECLAW_"
# Read by commands themselves: they are no settings, and no mistakes either.
COMMAND_NAMES: Final = frozenset(
    PREFIX + name for name in ("CONFIG", "SERVER", "BOT", "KEY", "KEY_FILE", "TOKEN", "TOKEN_FILE")
)

# Levels of a dotted key, far above what any setting has: tomllib takes their number squared.
_DEEP_KEY: Final = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}"""
)
# Python reads no more digits of a number.
_LONG_NUMBER: Final = re.compile(r"[0-9][0-9_]{4299,}")
# So many unknown settings are told what they may have meant.
_SUGGESTIONS: Final = 50
# Characters of a name that are compared, and of a key that are shown.
_LONGEST_NAME: Final = 64
_LONGEST_KEY: Final = 200
# Digits of a bot's number in the environment.
_INDEX: Final = re.compile(r"[0-9]{1,6}")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_TOML_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


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
        except UnfitError as error:
            self.refuse(path, str(error), source)
            return
        self.given[path] = Given(base / known if isinstance(known, Path) else known, source)

    def refuse(self, path: KeyPath, problem: str, source: Source, name: str | None = None) -> None:
        self.refused.add(path)
        self.faults.append(fault(name or dotted(path), problem, source))


def fault(key: str | None, problem: str, source: Source | None) -> ConfigurationError:
    """The error for one fault."""
    if key is not None and len(key) > _LONGEST_KEY:
        key = key[:_LONGEST_KEY] + "…"
    if source is None:
        return ConfigurationError(problem, key=key)
    return ConfigurationError(problem, key=key, source=source.where, line=source.line)


def dotted(path: KeyPath) -> str:
    """A key as a person would write it: `providers.home.model`, `bots[0].name`."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += ("." if name else "") + (part if _BARE.fullmatch(part) else f'"{part}"')
    return name


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one."""
    name = name[:_LONGEST_NAME]
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)), "")


def find_file(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The settings' file: as told, else in the working folder, else in the user's own.

    Raises ConfigurationError when there is none where it was told to be.
    """
    told = [(config, "--config"), (environ.get(PREFIX + "CONFIG"), f"env {PREFIX}CONFIG")]
    for path, source in told:
        if path:
            file = cwd / _expand(Path(path))
            if not _is_file(file):
                raise ConfigurationError(f"there is no such file (named by {source})", source=file)
            return file
    homes = [cwd, platformdirs.user_config_path("eyeclaw", appauthor=False)]
    return next((home / FILE_NAME for home in homes if _is_file(home / FILE_NAME)), None)


def _expand(path: Path) -> Path:
    try:
        return path.expanduser()
    except (RuntimeError, ValueError):  # ~ of nobody
        return path


def _is_file(path: Path) -> bool:
    """False also where this user may not look, and for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_file(file: Path) -> Layer:
    """Every setting of a file, and every fault that it has; only the first one of its syntax."""
    layer = Layer()
    try:
        # Some editors begin a file with a byte order mark; TOML has no place for it.
        text = read_file_bytes(file, LARGEST_SETTINGS).decode("utf-8-sig")
        if (deep := _DEEP_KEY.search(text)) is not None:
            place = Source(file, _line_at(text, deep.start()))
            layer.faults.append(fault(None, "is nested too deeply", place))
            return layer
        document, lines = tomllib.loads(text), find_lines(text)
    except UnreadableFile as why:
        layer.faults.append(fault(None, f"cannot be read ({why})", Source(file)))
    except RecursionError:
        layer.faults.append(fault(None, "is nested too deeply", Source(file)))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        layer.faults.append(fault(None, "is not UTF-8 text", Source(file, line)))
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        found = _TOML_LINE.search(problem)
        line = int(found[1]) if found else text.count("\n") + 1
        layer.faults.append(fault(None, f"is not TOML: {problem}", Source(file, line)))
    except ValueError:  # the one thing that tomllib leaves to Python
        number = _LONG_NUMBER.search(text)
        place = Source(file, _line_at(text, number.start()) if number is not None else None)
        layer.faults.append(fault(None, "holds a number that is too long", place))
    else:
        _FileReader(layer, file, lines).read((), document, SCHEMA)
    return layer


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


@define
class _FileReader:
    layer: Layer
    file: Path
    lines: dict[KeyPath, int]

    def read(self, path: KeyPath, value: object, schema: Schema | Mapping[str, Schema]) -> None:
        source = Source(self.file, line_of(self.lines, path))
        match schema:
            case Kind():
                self.layer.take(path, value, schema, source, self.file.parent)
            case Listed():
                if not isinstance(value, list):
                    self.layer.refuse(path, "must be an array of tables", source)
                    return
                for index, item in enumerate(value):
                    self.read((*path, index), item, schema.inner)
            case _ if not isinstance(value, dict):
                self.layer.refuse(path, "must be a table", source)
            case Named():
                for name, item in value.items():
                    self.read((*path, name), item, schema.inner)
            case _:
                if path:
                    self.layer.given[path] = Given(None, source)
                for name, item in value.items():
                    if name in schema:
                        self.read((*path, name), item, schema[name])
                    else:
                        self.refuse_unknown((*path, name), schema)

    def refuse_unknown(self, path: KeyPath, schema: Mapping[str, Schema]) -> None:
        source = Source(self.file, line_of(self.lines, path))
        if len(self.layer.faults) >= _SUGGESTIONS:
            self.layer.refuse(path, "there is no such setting", source)
            return
        name = str(path[-1])[:_LONGEST_NAME]
        beside = {each: dotted((*path[:-1], each)) for each in schema}
        elsewhere = {str(each[-1]): dotted(each) for each in _known_paths()}
        if name in elsewhere:  # the right name in the wrong table
            suggestion = elsewhere[name]
        elif close := difflib.get_close_matches(name, beside, n=1):
            suggestion = beside[close[0]]
        else:
            known = elsewhere | beside
            suggestion = known[nearest(name, known)]
        self.layer.refuse(path, _unknown(suggestion), source)
        if suggestion in beside.values():
            # The misspelt one is meant to be there: it is not missing as well.
            meant = next(each for each in schema if beside[each] == suggestion)
            self.layer.refused.add((*path[:-1], meant))


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
        source = Source(f"env {name}")
        path, schema = _descend(name.removeprefix(PREFIX).lower().split("__"), spelled)
        match schema:
            case Kind() if environ[name]:
                if len(path) > 2:
                    layer.given.setdefault(path[:2], Given(None, source))
                layer.take(path, schema.parse(environ[name]), schema, source, cwd)
            case Kind():
                pass
            case None:
                known = [*_known_variables(name), *sorted(COMMAND_NAMES)]
                problem = _unknown(nearest(name, known))
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


def _unknown(suggestion: str) -> str:
    return f"there is no such setting; the nearest known one is {suggestion}"


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
            return (parts[0], int(index), key), group.inner.get(key)
        case Mapping(), [key]:
            return (parts[0], key), group.get(key)
        case _:
            return (), None


def _known_paths(name: str = "NAME", index: int = 0) -> Iterator[KeyPath]:
    for group, schema in SCHEMA.items():
        match schema:
            case Kind():
                yield (group,)
            case Named():
                yield from ((group, name, key) for key in schema.inner)
            case Listed():
                yield from ((group, index, key) for key in schema.inner)
            case _:
                yield from ((group, key) for key in schema)


def _known_variables(asked: str) -> Iterator[str]:
    """All variables' names, those of providers and bots for the one that was asked for."""
    parts = asked.removeprefix(PREFIX).split("__")
    middle = parts[1][:_LONGEST_NAME] if len(parts) > 2 else ""
    index = int(middle) if _INDEX.fullmatch(middle) else 0
    for path in _known_paths(middle or "NAME", index):
        yield PREFIX + "__".join(str(part).upper() for part in path)
