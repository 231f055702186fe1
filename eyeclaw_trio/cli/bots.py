"""The commands about bots: bot add, list, default, token, bind, unbind, remove. Each bot is named
by its id or its name.

They work whether a gateway runs on the folder or not; a running one obeys within a second.
"""

from __future__ import annotations

from typing import Final

import click

from eyeclaw_trio.app.binding import make_code, wait_until_used
from eyeclaw_trio.app.data_folder import ListedBot, changing, read_bots, wait_until_known
from eyeclaw_trio.cli.choices import AnyCommand, Choices, common_options, pass_choices
from eyeclaw_trio.cli.kept_away import warn_if_kept_away
from eyeclaw_trio.cli.showing import draw_code, local_minute, show_json, show_table, shown
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.store import bots
from eyeclaw_trio.store.columns import read_clock

Record = dict[str, object]

_COLUMNS: Final = ("id", "name", "provider", "state", "last_heard", "wearer", "default")
_WHOLE: Final = ("id", "state", "last_heard", "wearer", "default")


def _bot_argument(command: AnyCommand) -> AnyCommand:
    return click.argument("name", metavar="BOT")(command)


@click.group()
@common_options
def bot() -> None:
    """Bots: who answers. BOT is an id or a name."""


@bot.command("add")
@click.argument("name")
@click.option("--provider", metavar="NAME", help="It answers by this provider; else by a link.")
@common_options
@pass_choices
def add_bot(choices: Choices, name: str, provider: str | None) -> None:
    """Add a bot. Its token is shown this once; with a provider it needs none."""
    settings = choices.load()
    if provider is not None:
        settings.require_provider(provider)
    with changing(settings.data) as db:
        made, token = bots.add_bot(db, name, provider, now=read_clock())
    reason = wait_until_known(settings.data, made) if provider is not None else None
    if choices.json:
        embedded = {} if provider is None else {"provider": provider}
        if reason is not None:
            embedded["reason"] = reason
        show_json({"id": made.id, "name": made.name, "token": token, **embedded})
    elif token is None:
        click.echo(f"Bot {made.id} answers by {provider}.", err=True)
    else:
        _show_token(made, token)
    warn_if_kept_away(made, reason)


@bot.command("list")
@common_options
@pass_choices
def list_bots(choices: Choices) -> None:
    """All bots, who of them is there, and who answers by default."""
    listed = read_bots(choices.load())
    if choices.json:
        show_json([_record(each) for each in listed])
        return
    show_table([_row(each) for each in listed], _COLUMNS, whole=_WHOLE)
    for each in listed:
        warn_if_kept_away(each.bot, each.reason)
    if not listed:
        click.echo("No bots yet: `eyeclaw bot add NAME` adds one.", err=True)
    elif not any(each.answers_by_default for each in listed):
        _say_nobody_answers()


@bot.command("default")
@_bot_argument
@common_options
@pass_choices
def make_default(choices: Choices, name: str) -> None:
    """Have a bot answer whoever asks for no other."""
    folder = choices.load().data
    with changing(folder) as db:
        chosen = bots.make_default(db, bots.find_bot(db, name).id)
    _show_bot(choices, chosen, "is the default")
    if chosen.provider is not None:
        warn_if_kept_away(chosen, wait_until_known(folder, chosen))


@bot.command("token")
@_bot_argument
@common_options
@pass_choices
def new_token(choices: Choices, name: str) -> None:
    """Make a new token. It is shown this once; the old one is of no use from now on."""
    with changing(choices.load().data) as db:
        found = bots.find_bot(db, name)
        token = bots.new_token(db, found.id)
    if choices.json:
        show_json({"id": found.id, "name": found.name, "token": token})
    else:
        _show_token(found, token)


@bot.command("rename")
@_bot_argument
@click.argument("new_name", metavar="NAME")
@common_options
@pass_choices
def rename_bot(choices: Choices, name: str, new_name: str) -> None:
    """Give a bot another name; its id, its token and its keys stay."""
    with changing(choices.load().data) as db:
        found = bots.rename_bot(db, bots.find_bot(db, name).id, new_name)
    _show_bot(choices, found, "has its new name")


@bot.command("bind")
@_bot_argument
@common_options
@pass_choices
@click.pass_context
def bind_bot(context: click.Context, choices: Choices, name: str) -> None:
    """Show the QR code that binds a wearer to a bot.

    Waits until it is used, at most 5 minutes. With `binding = "required"` the glasses ask for
    it whoever belongs to no bot yet.
    """
    settings = choices.load()
    found, code = make_code(settings.data, name)
    if choices.json:
        show_json({"event": "code", "text": code.text, "expires_at": code.expires_at})
    else:
        for line in draw_code(code.text):
            click.echo(click.style(line, fg="bright_white", bg="black"))
        click.echo(f"Look at this with the glasses; it binds you to bot {_name(found)}.", err=True)
    if settings.binding == "off":
        click.echo('Nobody is asked for it: the settings say binding = "off".', err=True)
    if found.rokid_user_id is not None:
        click.echo("The bot is bound already: `eyeclaw bot unbind BOT` comes first.", err=True)
    user_id = wait_until_used(settings.data, code)
    if choices.json:
        show_json({"event": "expired"} if user_id is None else _bound(user_id))
    elif user_id is None:
        click.echo("Nobody has used the code in time: say it again for a new one.", err=True)
    else:
        click.echo(f"Bound to wearer {shown(user_id)}.", err=True)
    context.exit(0 if user_id is not None else 1)


def _bound(user_id: str) -> Record:
    return {"event": "bound", "user_id": user_id}


@bot.command("unbind")
@_bot_argument
@common_options
@pass_choices
def unbind_bot(choices: Choices, name: str) -> None:
    """Part a bot from its wearer."""
    with changing(choices.load().data) as db:
        found = bots.unbind_bot(db, bots.find_bot(db, name).id)
    _show_bot(choices, found, "is bound to nobody")


@bot.command("remove")
@_bot_argument
@common_options
@pass_choices
def remove_bot(choices: Choices, name: str) -> None:
    """Take a bot out, with its token and the keys that open it only."""
    settings = choices.load()
    before = read_bots(settings)
    with changing(settings.data) as db:
        removed = bots.find_bot(db, name)
        bots.remove_bot(db, removed.id)
    known = next((each for each in before if each.bot.id == removed.id), None)
    if choices.json:
        show_json({**_record(known), "online": False} if known is not None else {})
    else:
        click.echo(f"Bot {_name(removed)} is removed.", err=True)
    if known is not None and known.answers_by_default:
        _say_who_answers(read_bots(settings))


def _say_who_answers(listed: list[ListedBot]) -> None:
    """Behind the removal of the bot that answered by default."""
    for each in listed:
        if each.answers_by_default:
            click.echo(f"It answered by default; now bot {_name(each.bot)} does.", err=True)
            return
    click.echo("It answered by default.", err=True)
    _say_nobody_answers()


def _say_nobody_answers() -> None:
    click.echo(
        "No bot answers those who ask for none: `eyeclaw bot default BOT` chooses one.", err=True
    )


def _record(listed: ListedBot) -> Record:
    bot = listed.bot
    return {
        "id": bot.id,
        "name": bot.name,
        "provider": bot.provider,
        "online": listed.online,
        "last_ping_at": listed.last_ping_at,
        "rokid_user_id": bot.rokid_user_id,
        "created_at": bot.created_at,
        "origin": bot.origin,
        "is_default": bot.is_default,
        "answers_by_default": listed.answers_by_default,
        "reason": listed.reason,
    }


def _row(listed: ListedBot) -> Record:
    bot = listed.bot
    return {
        "id": bot.id,
        "name": bot.name,
        "provider": bot.provider or "(linked)",
        "state": "online" if listed.online else "offline",
        "last_heard": listed.last_ping_at and local_minute(listed.last_ping_at),
        "wearer": bot.rokid_user_id,
        "default": listed.answers_by_default,
    }


def _name(bot: Bot) -> str:
    return f"{bot.id} ({shown(bot.name)})"


def _show_bot(choices: Choices, bot: Bot, what: str) -> None:
    if choices.json:
        listed = read_bots(choices.load())
        show_json(next((_record(each) for each in listed if each.bot.id == bot.id), {}))
    else:
        click.echo(f"Bot {_name(bot)} {what}.", err=True)


def _show_token(bot: Bot, token: str) -> None:
    click.echo(f"Token of bot {bot.id}, shown this once; keep it in EYECLAW_TOKEN:", err=True)
    click.echo(token)
