"""`eyeclaw forget`: what wearers have said. It works whether a gateway runs on the folder or not; a
running one obeys within a second."""

from __future__ import annotations

import click

from eyeclaw_trio.app.data_folder import changing
from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json, shown
from eyeclaw_trio.store import memory
from eyeclaw_trio.store.bots import find_bot
from eyeclaw_trio.store.columns import read_clock


@click.command("forget")
@click.option("--user", metavar="ID", help="What this wearer has said.")
@click.option("--bot", "name", metavar="BOT", help="What was said to this bot (its id or name).")
@common_options
@pass_choices
def forget(choices: Choices, user: str | None, name: str | None) -> None:
    """Forget what was said, or a part of it.

    The next question begins a new conversation, also for an OpenClaw, which keeps its own memory:
    it is asked under another name. In a conversation that wearers share nobody's part can be
    told from the rest, so it begins anew for all of them. Traces are not touched.
    """
    with changing(choices.load().data) as db:
        bot = find_bot(db, name) if name is not None else None
        bot_id = bot.id if bot is not None else None
        count = memory.forget(db, bot_id=bot_id, user_id=user, now=read_clock())
    if choices.json:
        show_json({"bot_id": bot_id, "user_id": user, "exchanges": count})
        return
    whose = "" if user is None else f" by {shown(user)}"
    to_whom = "" if bot is None else f" to bot {bot.id} ({shown(bot.name)})"
    kept = f"; {count} kept on disk" if count else ""
    click.echo(f"What was said{whose}{to_whom} is forgotten{kept}.", err=True)
