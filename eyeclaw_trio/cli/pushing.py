"""The command that speaks first: `eyeclaw push`."""

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
from eyeclaw_trio.cli.showing import show_json, shown
from eyeclaw_trio.client.push import WantedPush
from eyeclaw_trio.client.push import push as push_by_gateway


@click.command()
@click.argument("text")
@server_option
@secret_option("key", "The access key.")
@click.option("--user", metavar="ID", help="The wearer; may be left out where there is only one.")
@click.option("--title", metavar="TITLE", help="A line before the text.")
@common_options
@pass_choices
def push(
    choices: Choices,
    text: str,
    server: str | None,
    key: str | None,
    user: str | None,
    title: str | None,
) -> None:
    """Speak to the glasses outside an answer.

    Such as a reminder, or a result that took long. The gateway needs [push] account_key in its
    settings. Whether the platform has taken it is in the trace whose id is shown: `eyeclaw
    trace show ID`.
    """
    for words in (text, user, title):
        check_words(words)
    if not text.strip():
        raise click.UsageError("There is nothing to say: give a TEXT.")
    key = require_secret("key", key, "`eyeclaw key create NAME` makes one.")
    endpoint, context = find_gateway(choices, server)
    wanted = WantedPush(endpoint, key, text, user, title)
    answer = trio.run(partial(push_by_gateway, wanted, context=context))
    if choices.json:
        show_json(answer)
        return
    trace_id = shown(str(answer.get("id")))
    click.echo(f"It is on its way: `eyeclaw trace show {trace_id}` tells how it went.", err=True)
