"""The command that chats: `eyeclaw chat`."""

from __future__ import annotations

import secrets
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
from eyeclaw_trio.client.chat import chat as chat_with_gateway
from eyeclaw_trio.client.chat import standard_lines
from eyeclaw_trio.client.chat_target import ChatTarget
from eyeclaw_trio.client.display import JsonDisplay, TextDisplay


@click.command()
@click.option("--session", metavar="S", help="The conversation to go on with; else a new one.")
@click.option("--provider", metavar="P", help="Who answers; else the gateway chooses.")
@server_option
@secret_option("key", "The access key.")
@common_options
@pass_choices
def chat(
    choices: Choices,
    session: str | None,
    provider: str | None,
    server: str | None,
    key: str | None,
) -> None:
    """Chat with a gateway, line by line.

    Each line is a question, and its answer is shown as it comes. Ctrl-C cancels a running answer;
    at the prompt it ends the program, as Ctrl-D does. Lines can be piped in. With --json one
    object per piece and line.
    """
    for words in (session, provider):
        check_words(words)
    key = require_secret("key", key, "`eyeclaw key create NAME` makes one.")
    endpoint, context = find_gateway(choices, server)
    lines, is_person = standard_lines(is_json=choices.json)
    if not session:
        session = secrets.token_hex(4)
        if is_person:
            click.echo(f"A new session; `--session {session}` comes back to it.", err=True)
    target = ChatTarget(endpoint, session, key, provider)
    display = JsonDisplay() if choices.json else TextDisplay()
    trio.run(
        partial(chat_with_gateway, target, display, lines, is_patient=is_person, context=context)
    )
