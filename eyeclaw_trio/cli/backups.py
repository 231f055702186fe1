"""The commands that copy the data folder: backup, restore."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json
from eyeclaw_trio.store.backup import DatabaseFile, back_up
from eyeclaw_trio.store.backup import restore as put_back
from eyeclaw_trio.store.columns import read_clock

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Overwrite FILE when it is there.")
@common_options
@pass_choices
def backup(choices: Choices, file: Path, force: bool) -> None:
    """Copy keys, bots and traces into FILE, and check the copy.

    A gateway may run meanwhile. The settings' file is not in it.
    """
    made = back_up(choices.load().data, file, overwrite=force)
    if choices.json:
        show_json(_record(made))
    else:
        click.echo(f"{made.file}: {_describe(made)}; the copy was checked.", err=True)


@click.command()
@click.argument("file", type=_FILE)
@common_options
@pass_choices
def restore(choices: Choices, file: Path) -> None:
    """Put a backup back in place of what is in the data folder.

    No gateway may run on it. What is there is kept beside it. Keys and tokens are then as they
    were at the backup: revoke again what has been revoked since.
    """
    done = put_back(choices.load().data, file, read_clock())
    if choices.json:
        kept = None if done.kept is None else str(done.kept)
        show_json({**_record(done.database), "from": str(file), "kept": kept})
        return
    click.echo(f"{done.database.file} is now that of {file}: {_describe(done.database)}.", err=True)
    if done.kept is not None:
        click.echo(f"What was there is kept as {done.kept}.", err=True)
    click.echo("Keys revoked since that backup are valid again: look at `key list`.", err=True)


def _record(checked: DatabaseFile) -> dict[str, object]:
    return {**attrs.asdict(checked), "file": str(checked.file), "integrity": "ok"}


def _describe(checked: DatabaseFile) -> str:
    return (
        f"{checked.bots} bots, {checked.keys} keys, {checked.traces} traces, {checked.bytes} bytes"
    )
