"""What the layers have given, looked up key by key; what is wrong with it, said at its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import define, field

from eyeclaw_trio.settings.layers import Given, Layer, Source, dotted
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.settings.schema import KEY_WAYS


@define
class Reading:
    """All layers as one. Where what was read came from goes to `sources`, faults to `all.faults`,
    what the owner should know, and may leave so, to `warnings`."""

    all: Layer
    environ: Mapping[str, str] = field(repr=False)
    sources: dict[str, Source] = field(factory=dict)
    warnings: list[str] = field(factory=list)

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

    def refuse(self, path: KeyPath, problem: str, *, may_pass: bool = False) -> None:
        """A fault of this key, at its line, or at that of the table where it is missing."""
        self.all.refuse(path, problem, self.source_of(path), may_pass=may_pass)

    def source_of(self, path: KeyPath) -> Source:
        """Where this key, or the nearest table around it, was given."""
        around = (path[:end] for end in range(len(path), 0, -1))
        given: Given | None = next(
            (self.all.given[each] for each in around if each in self.all.given), None
        )
        return given.source if given is not None else Source()
