"""Results on stdout: one JSON document, or a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eyeclaw_trio.client.display import echo_json as show_json
from eyeclaw_trio.protocol.harmless import harmless

__all__ = ["show_json", "show_pairs", "show_table"]

_PIPE_WIDTH: Final = 10_000  # columns; a table takes only what it needs


def show_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """A table; on a pipe as wide as it must be, so that nothing is cut."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        # Text, not markup: names are other people's words.
        table.add_row(*(Text(_word(row[column])) for column in columns))
    _print(table)


def show_pairs(pairs: Iterable[tuple[str, str]], *, right: bool = False) -> None:
    """Names and what they are, one pair a line; names at the right of their column on demand."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True, justify="right" if right else "left")
    table.add_column(overflow="fold")
    for name, words in pairs:
        table.add_row(Text(_word(name)), Text(_word(words)))
    _print(table)


def _print(table: Table) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    console.print(table)


def _word(value: object) -> str:
    match value:
        case None:
            return "–"
        case True:
            return "yes"
        case False:
            return "no"
        case list() | tuple():
            return ", ".join(map(_word, value)) or "–"
        case _:
            return harmless(str(value)).replace("\n", " ")
