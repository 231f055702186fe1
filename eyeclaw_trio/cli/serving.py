"""The commands that run for ever: serve, connect."""

from __future__ import annotations

import faulthandler
import os
import sys

import click
import trio

from eyeclaw_trio.app.compose import connect as run_connector
from eyeclaw_trio.app.compose import serve as run_gateway
from eyeclaw_trio.cli.choices import (
    NO_SCHEME,
    Choices,
    common_options,
    pass_choices,
    record_id,
    require_secret,
    secret_option,
)
from eyeclaw_trio.cli.failures import WrongSettings
from eyeclaw_trio.client.display import echo_json
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.wire.service_manager import ServiceManager


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="For glasses, bots, workers and chat.")
@click.option("--admin-listen", metavar="HOST:PORT", help="For metrics and health.")
@common_options
@pass_choices
def serve(choices: Choices, listen: str | None, admin_listen: str | None) -> None:
    """Run the gateway in the foreground.

    Prints one line of JSON to stdout when it accepts connections. Ctrl-C or SIGTERM end it.
    """
    settings = _load(choices, listen=listen, admin_listen=admin_listen)
    _warn(settings)
    # What the watchdog ends says on stderr where it hung.
    faulthandler.enable(2)
    trio.run(run_gateway, settings)


@click.command()
@click.option(
    "--server",
    metavar="URL",
    envvar="EYECLAW_SERVER",
    required=True,
    show_envvar=True,
    help=f"The gateway's address. {NO_SCHEME}",
)
@click.option(
    "--bot",
    metavar="ID",
    type=record_id,
    envvar="EYECLAW_BOT",
    show_envvar=True,
    required=True,
    help="The bot's id there.",
)
@secret_option("token", "The bot's token.")
@click.option(
    "--provider", metavar="NAME", help="Who answers; else the only provider, or the OpenClaw here."
)
@common_options
@pass_choices
def connect(
    choices: Choices, server: str, bot: int, token: str | None, provider: str | None
) -> None:
    """Keep a bot connected to a gateway and answer for it. Ctrl-C or SIGTERM end it."""
    token = require_secret("token", token, "`eyeclaw bot token ID` makes a new one.")
    settings = _load(choices)
    if provider is not None:
        settings.require_provider(provider)
    _warn(settings)
    # The log tells the same to whoever sees both.
    is_told = not choices.json and sys.stdout.isatty() and sys.stderr.isatty()
    target = LinkTarget(server, bot, token)
    trio.run(run_connector, settings, target, _ignore if is_told else echo_json, provider)


def _load(choices: Choices, **flags: object) -> Settings:
    """The settings in force. Raises ConfigurationError, and WrongSettings where a service manager
    would start us again and again."""
    try:
        return choices.load(**flags)
    except ConfigurationError as error:
        if error.may_pass or ServiceManager.of(os.environ).address is None:
            raise
        raise WrongSettings(error) from None


def _ignore(_event: object) -> None:
    pass


def _warn(settings: Settings) -> None:
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
