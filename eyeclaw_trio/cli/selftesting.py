"""The command that tests this very program: selftest."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import trio

from eyeclaw_trio.app.selftest import Selftest
from eyeclaw_trio.app.selftest_house import SelftestHouse, own_program
from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.harmless import harmless


@click.command()
@common_options
@pass_choices
def selftest(choices: Choices) -> None:
    """Try whether this program works here.

    Starts a gateway in a temporary folder, on free ports, and asks it in every way. Your
    settings and your data folder are not touched. Exit status 1 when something does not work.
    """
    found: list[Diagnosis] = []

    def note(diagnosis: Diagnosis) -> None:
        found.append(diagnosis)
        if not choices.json:
            for line in diagnosis.lines():
                click.echo(harmless(line))

    with tempfile.TemporaryDirectory(prefix="eyeclaw-selftest-") as folder:
        house = SelftestHouse(Path(folder), own_program())
        is_sound = trio.run(Selftest(house, note).run)
    if choices.json:
        show_json([each.record for each in found])
    if not is_sound:
        raise EyeclawError("this program does not work here")
