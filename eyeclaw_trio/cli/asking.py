"""The command that asks: `eyeclaw ask`."""

from __future__ import annotations

from functools import partial

import click
import trio

from eyeclaw_trio.cli.choices import (
    Choices,
    check_words,
    common_options,
    find_gateway,
    pass_choices,
    require_secret,
    secret_option,
    server_option,
)
from eyeclaw_trio.client.ask import ANY_AGENT, AskedQuestion
from eyeclaw_trio.client.ask import ask as ask_gateway
from eyeclaw_trio.client.display import JsonDisplay, TextDisplay


@click.command()
@click.argument("text")
@server_option
@secret_option("key", "The access key.")
@click.option(
    "--bot",
    metavar="BOT",
    help="Who answers, by id or name; else, or where none has it, the default.",
)
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
    bot: str | None,
    image: str | None,
    user: str | None,
    message_id: str | None,
) -> None:
    """Ask a gateway as glasses do, and show the answer as it comes.

    With --json one object per event and line.
    """
    for words in (text, bot, image, user, message_id):
        check_words(words)
    if not text.strip() and image is None:
        raise click.UsageError("There is nothing to ask: give a TEXT.")
    key = require_secret("key", key, "`eyeclaw key create NAME` makes one.")
    endpoint, context = find_gateway(choices, server)
    conversation = [message_id] if message_id else []
    question = AskedQuestion(endpoint, key, text, image, user, bot or ANY_AGENT, *conversation)
    display = JsonDisplay() if choices.json else TextDisplay()
    trio.run(partial(ask_gateway, question, display, context=context))
