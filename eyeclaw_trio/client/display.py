"""Where answers are shown as they come: as text, or as one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol

import click
from attrs import define, field, frozen

from eyeclaw_trio.protocol.harmless import harmless, harmless_json, harmless_line


@frozen
class Shown:
    """One event of an answer: the whole of it; its text; and what is no text, each on a line."""

    event: Mapping[str, Any]
    text: str = ""
    notes: tuple[str, ...] = ()


class Display(Protocol):
    """Where the events of answers go, one by one."""

    def show(self, shown: Shown) -> None:
        """The next event."""

    def close(self) -> None:
        """The answer is over, whole or not."""


@define
class TextDisplay:
    """Text on stdout, flushed piece by piece; what is no text goes to stderr."""

    _has_open_line: bool = field(default=False, init=False)

    def show(self, shown: Shown) -> None:
        text = harmless(shown.text)
        if text:
            click.echo(text, nl=False)
            self._has_open_line = not text.endswith("\n")
        for note in shown.notes:
            self.close()
            click.echo(harmless_line(note), err=True)

    def close(self) -> None:
        if self._has_open_line:
            click.echo()
            self._has_open_line = False


@frozen
class JsonDisplay:
    """One object per event and line, on stdout."""

    def show(self, shown: Shown) -> None:
        echo_json(shown.event)

    def close(self) -> None:
        pass


def echo_json(value: object) -> None:
    """One JSON document on one line of stdout, whatever encoding that has."""
    line = harmless_json(value)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        line = json.dumps(value, separators=(",", ":"))
    click.echo(line)
