"""The command that looks for what is wrong: doctor."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import click
import trio

from eyeclaw_trio.app.doctor import Doctor, mend
from eyeclaw_trio.app.doctor_public import PublicDoctor
from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices, require_secret
from eyeclaw_trio.cli.showing import show_json
from eyeclaw_trio.core.diagnosis import Diagnosis, is_sound
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.logs import configure_logging
from eyeclaw_trio.protocol.endpoint import read_endpoint
from eyeclaw_trio.protocol.harmless import harmless
from eyeclaw_trio.settings import Settings


@click.command()
@click.option(
    "--public",
    metavar="URL",
    help="Look at this address of the gateway too, from outside; asks one question with "
    "EYECLAW_KEY, and takes half a minute.",
)
@click.option("--fix", is_flag=True, help="Make the data folder, and close it to others.")
@click.option("--ask", "asks", is_flag=True, help="Ask every model a tiny real question.")
@common_options
@pass_choices
def doctor(choices: Choices, public: str | None, fix: bool, asks: bool) -> None:
    """Find what is wrong, and say what mends it.

    Looks at everything that goes wrong in practice. Works beside a running gateway as well as
    without one. Exit status 1 when a ✗ is left.
    """
    configure_logging(level=logging.ERROR)
    # Whatever the public comes by should have TLS.
    address = public if public is None or "://" in public else f"https://{public}"
    endpoint = None if address is None else read_endpoint(address)
    found: list[Diagnosis] = []

    def note(diagnosis: Diagnosis) -> None:
        found.append(diagnosis)
        if not choices.json:
            for line in diagnosis.lines():
                click.echo(harmless(line))

    settings = _check_settings(choices, note)
    key = _find_key()
    if settings is not None and fix:
        for done in mend(settings.data):
            click.echo(f"Mended: {done}.", err=True)
    if settings is not None:
        trio.run(Doctor(settings, note, key, asks).examine)
    if endpoint is not None:
        folder = settings.data if settings is not None and _has_gateway(found) else None
        trio.run(PublicDoctor(endpoint, key, folder, note).examine)
    if choices.json:
        show_json([each.record for each in found])
    if not is_sound(found):
        count = sum(each.state == "fail" for each in found)
        raise EyeclawError(f"{count} to be mended: each ✗ says what helps")


def _check_settings(choices: Choices, note: Callable[[Diagnosis], None]) -> Settings | None:
    checked = choices.check()
    for fault in checked.faults:
        note(Diagnosis("settings", "fail", f"{fault}.", "`eyeclaw config reference` has them all"))
    if checked.settings is None:
        return None
    for warning in checked.settings.warnings:
        note(Diagnosis("settings", "warn", f"{warning}."))
    where = checked.file or "no file, so all are the defaults"
    note(Diagnosis("settings", "ok", f"The settings are without fault: {where}."))
    return checked.settings


def _find_key() -> str | None:
    if not (os.environ.get("EYECLAW_KEY") or os.environ.get("EYECLAW_KEY_FILE")):
        return None
    return require_secret("key", None, "`eyeclaw key create NAME` makes one.")


def _has_gateway(found: list[Diagnosis]) -> bool:
    return any(each.check == "gateway" and each.state == "ok" for each in found)
