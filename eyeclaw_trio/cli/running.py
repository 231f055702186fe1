"""The commands that run: serve, connect, ask."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click
import trio

from eyeclaw_trio.cli.choices import (
    Choices,
    common_options,
    pass_choices,
    record_id,
    require_secret,
    secret_option,
)
from eyeclaw_trio.client.ask import (
    AskedQuestion,
    local_server,
)
from eyeclaw_trio.client.ask import ask as ask_gateway
from eyeclaw_trio.client.display import JsonDisplay, TextDisplay, echo_json
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.endpoint import read_endpoint
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.trust import trust_only


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="For glasses, bots, workers and chat.")
@click.option("--admin-listen", metavar="HOST:PORT", help="For metrics and health.")
@common_options
@pass_choices
def serve(choices: Choices, listen: str | None, admin_listen: str | None) -> None:
    """Run the gateway in the foreground.

    Prints one line of JSON to stdout when it accepts connections. Ctrl-C or SIGTERM end it.
    """
    from eyeclaw_trio.app.compose import serve as run_gateway

    settings = choices.load(listen=listen, admin_listen=admin_listen)
    _warn(settings)
    trio.run(run_gateway, settings)


@click.command()
@click.option(
    "--server", metavar="URL", envvar="EYECLAW_SERVER", required=True, help="The gateway's address."
)
@click.option(
    "--bot",
    metavar="ID",
    type=record_id,
    envvar="EYECLAW_BOT",
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
    from eyeclaw_trio.app.compose import connect as run_connector

    token = require_secret("token", token, "`eyeclaw bot token ID` makes a new one.")
    settings = choices.load()
    if provider is not None:
        settings.require_provider(provider)
    _warn(settings)
    # The log tells the same to whoever sees both.
    is_told = not choices.json and sys.stdout.isatty() and sys.stderr.isatty()
    target = LinkTarget(server, bot, token)
    trio.run(run_connector, settings, target, _ignore if is_told else echo_json, provider)


@click.command()
@click.argument("text")
@click.option(
    "--server", metavar="URL", envvar="EYECLAW_SERVER", help="The gateway; else as in the settings."
)
@secret_option("key", "The access key.")
@click.option("--image", metavar="URL", help="The address of a photo to go with it.")
@click.option("--user", metavar="ID", help="Who wears the glasses.")
@click.option("--message-id", metavar="ID", help="The conversation; else a new one.")
@common_options
@pass_choices
def ask(
    choices: Choices,
    text: str,
    server: str | None,
    key: str | None,
    image: str | None,
    user: str | None,
    message_id: str | None,
) -> None:
    """Ask a gateway as glasses do, and show the answer as it comes.

    With --json one object per event and line.
    """
    for words in (text, image, user, message_id):
        check_words(words)
    if not text.strip() and image is None:
        raise click.UsageError("There is nothing to ask: give a TEXT.")
    key = require_secret("key", key, "`eyeclaw key create NAME` makes one.")
    certificate: Path | None = None
    if server is None:
        settings = choices.load()
        server, certificate = own_server(settings), settings.tls_certificate
    question = AskedQuestion(
        read_endpoint(server), key, text, image, user, *([message_id] if message_id else [])
    )
    display = JsonDisplay() if choices.json else TextDisplay()
    context = trust_only(certificate) if certificate is not None else None
    trio.run(partial(ask_gateway, question, display, context=context))


def own_server(settings: Settings) -> str:
    """The address of the gateway that these settings start. Raises EyeclawError."""
    listen = settings.listen
    if not listen.port:
        raise EyeclawError("the settings leave the port open; name the gateway with --server URL")
    return local_server(listen.host, listen.port, tls=settings.tls_certificate is not None)


def check_words(words: str | None) -> None:
    """Raises UsageError for what cannot be sent."""
    try:
        (words or "").encode()
    except UnicodeEncodeError:
        raise click.UsageError("The words are not UTF-8.") from None


def _ignore(_event: object) -> None:
    pass


def _warn(settings: Settings) -> None:
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
