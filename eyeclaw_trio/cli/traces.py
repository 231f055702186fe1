"""The commands about what happened: trace list, trace show."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

import attrs
import click

from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json, show_pairs, show_table
from eyeclaw_trio.core.time_line import TimeLine, describe_turn, draw_time_line, local_time
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.store import bots, traces
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.trace_list import TraceFilter, walk_traces
from eyeclaw_trio.store.trace_places import find_named

_NO_TURNS = "No turns yet: `eyeclaw ask TEXT` makes one."
# As much of an id as people are shown in a list; `trace show` takes any beginning.
SHORT_ID = len("trace_") + 8
_COLUMNS = (
    "when",
    "trace",
    "bot",
    "outcome",
    "chunks",
    "first_ms",
    "anomalies",
)
_WHOLE = ("when", "trace", "outcome", "chunks", "first_ms")


@click.group()
@common_options
def trace() -> None:
    """What happened: every turn, with its losses and delays."""


@trace.command("list")
@click.option("--anomalies", is_flag=True, help="Only turns with something lost, healed or odd.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@common_options
@pass_choices
def list_traces(choices: Choices, anomalies: bool, limit: int) -> None:
    """The newest turns first."""
    with closing(open_database(choices.load().data)) as db:
        wanted = TraceFilter(is_anomaly=anomalies)
        found = list(walk_traces(db, wanted, limit, with_events=choices.json))
        names = {bot.id: bot.name for bot in bots.list_bots(db)}
    if choices.json:
        show_json([_record(each) for each in found])
        return
    show_table([_row(each, names) for each in found], _COLUMNS, whole=_WHOLE)
    if found:
        click.echo("Chunks: received/written.", err=True)
    else:
        none = "No turn has lost anything yet." if anomalies else _NO_TURNS
        click.echo(none, err=True)


@trace.command("show")
@click.argument("trace_id", metavar="TRACE_ID")
@common_options
@pass_choices
def show_trace(choices: Choices, trace_id: str) -> None:
    """One turn as a time line. TRACE_ID is an id, its beginning, or the code that was heard."""
    if not trace_id.strip():
        raise click.UsageError("Say which: `eyeclaw trace list` shows the TRACE_ID of each turn.")
    with closing(open_database(choices.load().data)) as db:
        found_id = find_named(db, trace_id) or traces.find_trace_id(db, trace_id)
        found = traces.get_trace(db, found_id)
    if choices.json:
        show_json(_record(found))
        return
    show_pairs(describe_turn(found, datetime.astimezone))
    click.echo()
    lines = draw_time_line(found)
    show_pairs(((_span(each), each.words) for each in lines), right=True)
    for name, text in (("received", found.sdk_content), ("written", found.sse_content)):
        if text is not None:
            click.echo()
            show_pairs([(name, text)])


def _record(record: TraceRecord) -> dict[str, object]:
    return attrs.asdict(record, recurse=False)


def _span(line: TimeLine) -> str:
    if line.at_ms is None:
        return ""
    first, last = f"{line.at_ms:.0f}", f"{line.until_ms:.0f}"
    return f"{first} ms" if first == last else f"{first}–{last} ms"


def _row(record: TraceRecord, names: dict[int, str]) -> dict[str, object]:
    first = record.first_chunk_delay
    bot = record.bot_id
    return {
        "when": local_time(record.created_at, datetime.astimezone)[len("2026-") :],
        "trace": record.trace_id[:SHORT_ID],
        "bot": None if bot is None else names.get(bot, f"{bot} (removed)"),
        "outcome": record.outcome or record.status,
        "chunks": f"{record.sdk_chunk_count}/{record.sse_chunk_count}",
        "first_ms": None if first is None else round(first),
        "anomalies": [*record.anomalies, *_losses(record)],
    }


def _losses(record: TraceRecord) -> list[str]:
    if not record.missing_count:
        return []
    return [f"{record.missing_count} missing ({record.loss_position or 'somewhere'})"]
