"""Results on stdout: one JSON document, or a table for people."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import segno
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eyeclaw_trio.client.display import echo_json as show_json
from eyeclaw_trio.core.time_line import local_time
from eyeclaw_trio.protocol.harmless import harmless, harmless_line

__all__ = ["draw_code", "local_minute", "show_json", "show_pairs", "show_table", "shown"]

_PIPE_WIDTH: Final = 10_000  # columns; a table takes only what it needs


def show_table(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], whole: Collection[str] = ()
) -> None:
    """A table as wide as the terminal; on a pipe as wide as it must be, so that nothing is cut.

    What is in the columns that stay `whole`, ids above all, is on one line and can be copied, if
    need be in lines that are longer than the terminal's. The others fold.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    needed = 0
    for column in columns:
        head = column.replace("_", " ")
        is_whole = column in whole
        table.add_column(head, overflow="fold", no_wrap=is_whole)
        words = [_word(row[column]) for row in rows] if is_whole else []
        needed += max(map(cell_len, [head, *words])) + 2
    for row in rows:
        # Text, not markup: names are other people's words.
        table.add_row(*(Text(_word(row[column])) for column in columns))
    _print(table, needed)


def show_pairs(pairs: Iterable[tuple[str, str]], *, right: bool = False) -> None:
    """Names and what they are, one pair a line; names at the right of their column on demand."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True, justify="right" if right else "left")
    table.add_column(overflow="fold")
    for name, words in pairs:
        table.add_row(Text(_word(name)), Text(_word(words)))
    _print(table)


def draw_code(text: str) -> list[str]:
    """A QR code as lines of characters, two of its rows in each. What is light in it is drawn: the
    lines are to be shown white on black."""
    drawn = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(drawn, border=3, compact=True)
    return drawn.getvalue().splitlines()


def local_minute(stamp: str) -> str:
    """A time as the owner's own clock shows it, in short: `2026-01-31 13:00`."""
    return local_time(stamp, datetime.astimezone)[:-3]


def shown(name: str) -> str:
    """Another's word for something within a line of ours."""
    return harmless_line(name)


def _print(table: Table, needed: int = 0) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    elif console.width < needed:
        console = Console(width=needed, soft_wrap=True)
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
