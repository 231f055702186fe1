"""The commands about settings: config show, config check, config reference."""

from __future__ import annotations

import click

from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json, show_table
from eyeclaw_trio.settings.meanings import Language
from eyeclaw_trio.settings.reference import list_reference, render_reference
from eyeclaw_trio.settings.shown import show_settings


@click.group()
@common_options
def config() -> None:
    """See and check the settings."""


@config.command()
@common_options
@pass_choices
def show(choices: Choices) -> None:
    """The settings in force, each with where it came from. Secrets are masked."""
    shown = show_settings(choices.load())
    if choices.json:
        show_json({each.key: {"value": each.value, "source": str(each.source)} for each in shown})
        return
    rows = [{"key": each.key, "value": each.value, "source": each.source} for each in shown]
    show_table(rows, ["key", "value", "source"], whole=["key"])


@config.command()
@common_options
@pass_choices
def check(choices: Choices) -> None:
    """Every fault of the settings, with its line. Exit status 1 when there is one."""
    checked = choices.check()
    if choices.json:
        show_json(
            [
                {
                    "source": None if fault.source is None else str(fault.source),
                    "line": fault.line,
                    "key": fault.key,
                    "problem": fault.problem,
                }
                for fault in checked.faults
            ]
        )
    else:
        for fault in checked.faults:
            click.echo(str(fault))
    if checked.faults:
        count = len(checked.faults)
        raise click.ClickException(
            "1 fault; mend it" if count == 1 else f"{count} faults; mend them"
        )
    for warning in checked.settings.warnings if checked.settings is not None else ():
        click.echo(f"Warning: {warning}", err=True)
    click.echo(f"{checked.file or 'No file, so all defaults'}: no faults", err=True)


@config.command()
@click.option("--chinese", is_flag=True, help="What they mean, in Chinese.")
@common_options
@pass_choices
def reference(choices: Choices, chinese: bool) -> None:
    """Every setting there is, as a settings file.

    Each with its default, its unit and what it means.
    """
    language: Language = "zh" if chinese else "en"
    if not choices.json:
        click.echo(render_reference(language), nl=False)
        return
    show_json(
        [
            {
                "key": each.key,
                "meaning": each.meaning.text(language),
                "unit": each.meaning.unit_in(language) or None,
                "default": each.default,
                "environment": each.variable,
                "changeable_on_pages": each.is_changeable,
            }
            for each in list_reference()
        ]
    )
