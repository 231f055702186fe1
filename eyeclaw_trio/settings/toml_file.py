"""The settings' file: where it is, and what it says."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs
from attrs import define

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings.files import LARGEST_SETTINGS, UnreadableFile, read_file_bytes
from eyeclaw_trio.settings.kinds import Kind
from eyeclaw_trio.settings.layers import (
    LONGEST_NAME,
    NOT_YET,
    Given,
    Layer,
    Source,
    dotted,
    fault,
    known_paths,
    nearest,
    unknown,
)
from eyeclaw_trio.settings.lines import KeyPath, find_lines, line_of
from eyeclaw_trio.settings.schema import SCHEMA, Listed, Named, Schema, is_planned

FILE_NAME: Final = "eyeclaw.toml"
# Levels of a dotted key, far above what any setting has: tomllib takes their number squared.
_DEEP_KEY: Final = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}"""
)
# Python reads no more digits of a number.
_LONG_NUMBER: Final = re.compile(r"[0-9][0-9_]{4299,}")
# So many unknown settings are told what they may have meant.
_SUGGESTIONS: Final = 50
_TOML_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


def find_file(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The settings' file: as told, else in the working folder, else in the user's own.

    Raises ConfigurationError when there is none where it was told to be.
    """
    told = [(config, "--config"), (environ.get("EYECLAW_CONFIG"), "env EYECLAW_CONFIG")]
    for path, source in told:
        if path:
            file = cwd / _expand(Path(path))
            if not _is_file(file):
                problem = f"there is no such file (named by {source})"
                raise ConfigurationError(problem, source=file, may_pass=True)
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
        if is_planned(path):
            self.layer.refuse(path, NOT_YET, source)
            return
        if len(self.layer.faults) >= _SUGGESTIONS:
            self.layer.refuse(path, "there is no such setting", source)
            return
        name = str(path[-1])[:LONGEST_NAME]
        beside = {each: dotted((*path[:-1], each)) for each in schema}
        elsewhere = {str(each[-1]): dotted(each) for each in known_paths()}
        if name in elsewhere:  # the right name in the wrong table
            suggestion = elsewhere[name]
        elif close := difflib.get_close_matches(name, beside, n=1):
            suggestion = beside[close[0]]
        elif close := difflib.get_close_matches(name, elsewhere, n=1):
            suggestion = elsewhere[close[0]]
        else:  # like none: something of the table that it stands in
            known = beside or elsewhere
            suggestion = known[nearest(name, known)]
        self.layer.refuse(path, unknown(suggestion), source)
        if suggestion in beside.values():
            # The misspelt one is meant to be there: it is not missing as well.
            meant = next(each for each in schema if beside[each] == suggestion)
            self.layer.refused.add((*path[:-1], meant))
